//! What a character shows, by its Unicode properties.

use icu_properties::props::{
    BidiControl, BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
    GeneralCategoryGroup, GraphemeExtend, JoinControl, NoncharacterCodePoint, PrependedConcatenationMark,
};

/// Characters that look blank, although no property says so: the blank Braille pattern, the null notehead, the Khitan
/// filler, the blank hieroglyphs, and the placeholder for an object that a plain text does not have.
const BLANK_GLYPHS: [char; 6] = ['\u{2800}', '\u{1d159}', '\u{16fe4}', '\u{13441}', '\u{13442}', '\u{fffc}'];

/// Returns whether the character shows nothing: white space, default-ignorable and format characters, noncharacters,
/// and glyphs that look blank. Control characters other than white space do not count, because no text may contain
/// them. Neither do the format characters that are drawn around numbers, such as U+0600 ARABIC NUMBER SIGN.
pub(crate) fn shows_nothing(character: char) -> bool {
    character.is_whitespace() || is_ignorable(character) || BLANK_GLYPHS.contains(&character)
}

/// Returns whether the character is part of a word: a letter or a digit that shows something.
pub(crate) fn is_letter_or_digit(character: char) -> bool {
    // Some marks are alphabetic.
    !is_mark(character) && character.is_alphanumeric() && !shows_nothing(character)
}

/// Returns whether the character is ignored when a text is drawn or compared. It may still change how its neighbors are
/// drawn.
pub(crate) fn is_ignorable(character: char) -> bool {
    !character.is_ascii()
        && (DefaultIgnorableCodePoint::for_char(character)
            || NoncharacterCodePoint::for_char(character)
            || (is_format(character) && !PrependedConcatenationMark::for_char(character)))
}

/// Returns whether the character is a combining mark, which belongs to the character before it.
pub(crate) fn is_mark(character: char) -> bool {
    !character.is_ascii() && GeneralCategoryGroup::Mark.contains(GeneralCategory::for_char(character))
}

/// Returns whether the character can change how the character before it is drawn, for example the variation selector
/// of an emoji or the joiner after an Arabic letter.
pub(crate) fn shapes_previous(character: char) -> bool {
    GraphemeExtend::for_char(character) || JoinControl::for_char(character)
}

/// Returns whether the character changes the direction of the text around it (UAX #9, section 2).
pub(crate) fn is_bidi_control(character: char) -> bool {
    !character.is_ascii() && BidiControl::for_char(character)
}

/// Returns whether the character ends a line: one of the control characters, or U+2028 or U+2029.
pub(crate) fn breaks_line(character: char) -> bool {
    matches!(character, '\u{a}'..='\u{d}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Returns whether a terminal can show the character without acting on it: everything except control characters, line
/// breaks, and characters that are invisible or change the direction.
pub(crate) fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ if character.is_ascii() || character.is_control() || breaks_line(character) => false,
        _ => !is_ignorable(character) && !is_format(character),
    }
}

fn is_format(character: char) -> bool {
    GeneralCategory::for_char(character) == GeneralCategory::Format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_characters() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    #[test]
    fn characters_without_a_glyph_show_nothing() {
        for character in [
            ' ',
            '\t',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2028}',
            '\u{2060}',
            '\u{2069}',
            '\u{2800}',
            '\u{13441}',
            '\u{13442}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{ffff}',
            '\u{1d173}',
            '\u{e0041}',
        ] {
            assert!(shows_nothing(character), "{character:?}");
        }
        for character in
            ['a', '.', 'é', '\u{301}', 'ा', '\u{600}', '東', '😀', '\u{fffd}', '\u{e000}', '\0', '\u{1b}']
        {
            assert!(!shows_nothing(character), "{character:?}");
        }
    }

    #[test]
    fn every_default_ignorable_format_and_bidi_character_is_invisible_and_not_printable() {
        for character in all_characters() {
            let is_ignorable = DefaultIgnorableCodePoint::for_char(character)
                || is_bidi_control(character)
                || is_format(character);
            if is_ignorable {
                assert!(!is_printable(character), "{character:?}");
                let is_drawn = PrependedConcatenationMark::for_char(character);
                assert_eq!(shows_nothing(character), !is_drawn, "{character:?}");
            }
        }
    }

    #[test]
    fn letters_marks_digits_and_symbols_are_printable() {
        use GeneralCategoryGroup as Group;
        let drawn = [Group::Letter, Group::Mark, Group::Number, Group::Punctuation, Group::Symbol];
        for character in all_characters().filter(|character| !is_ignorable(*character)) {
            let category = GeneralCategory::for_char(character);
            if drawn.iter().any(|group| group.contains(category)) {
                assert!(is_printable(character), "{character:?}");
            }
        }
    }

    #[test]
    fn no_control_character_is_printable() {
        assert!(
            all_characters()
                .filter(|character| character.is_control())
                .all(|character| !is_printable(character))
        );
    }
}
