//! What a text shows: its ends, whether it is blank, and how far its directional formatting reaches.

use crate::characters::{is_bidi_control, is_mark, shapes_previous, shows_nothing};

/// POP DIRECTIONAL FORMATTING ends an embedding or an override.
const PDF: char = '\u{202c}';
/// POP DIRECTIONAL ISOLATE ends an isolate, and the embeddings in it.
const PDI: char = '\u{2069}';

/// Removes what shows nothing from both ends. What shapes the last visible character stays, such as the variation
/// selector of an emoji. Bidirectional controls stay too, because they change how the rest is shown.
pub(crate) fn trim(text: &str) -> &str {
    let is_removed = |character| shows_nothing(character) && !is_bidi_control(character);
    let text = text.trim_start_matches(is_removed);
    let visible = text.trim_end_matches(is_removed).len();
    let end = text[visible..].find(|character| !shapes_previous(character));
    end.map_or(text, |end| &text[..visible + end])
}

/// Returns whether the text shows nothing. Combining marks alone show nothing, because they have no character to belong
/// to.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|character| shows_nothing(character) || is_mark(character))
}

/// Returns the number of characters without the invisible ones. White space counts between visible characters.
pub(crate) fn visible_length(text: &str) -> usize {
    let is_counted = |character: &char| character.is_whitespace() || !shows_nothing(*character);
    text.trim_matches(shows_nothing).chars().filter(is_counted).count()
}

/// Makes each paragraph end all embeddings, overrides and isolates that it begins, and removes the ends of those that it
/// does not begin. So the text does not change the direction of what it is shown next to. The Unicode Bidirectional
/// Algorithm does the same at the end of a paragraph (UAX #9, rule X8), but a text can be shown within a paragraph.
pub(crate) fn isolate_directions(text: &str) -> String {
    let mut isolated = String::with_capacity(text.len());
    // What ends the open embeddings and isolates, the innermost last.
    let mut open = Vec::new();
    for character in text.chars() {
        match character {
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => open.push(PDF),
            '\u{2066}' | '\u{2067}' | '\u{2068}' => open.push(PDI),
            PDF if open.last() != Some(&PDF) => continue,
            PDF => drop(open.pop()),
            PDI => {
                let Some(isolate) = open.iter().rposition(|end| *end == PDI) else { continue };
                isolated.extend(open.drain(isolate..).skip(1));
            }
            '\n' | '\r' | '\u{2029}' => isolated.extend(open.drain(..).rev()),
            _ => {}
        }
        isolated.push(character);
    }
    isolated.extend(open.into_iter().rev());
    isolated
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_are_trimmed_where_that_is_safe() {
        for (text, expected) in [
            (" \u{feff}\u{200b} Title\u{2060}\u{3000}\u{2800}\u{3164}\n", "Title"),
            ("\u{ad}a\u{200b}b\u{ad}", "a\u{200b}b"),
            // An emoji with its variation selector, a family, a flag made of tags.
            (" ❤\u{fe0f} ", "❤\u{fe0f}"),
            ("👩\u{200d}👧 ", "👩\u{200d}👧"),
            ("🏴\u{e0067}\u{e0062}\u{e007f}\u{200b}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
            // Persian: the joiner of an abbreviation, the non-joiner in a word.
            ("ه\u{200d} ", "ه\u{200d}"),
            (" می\u{200c}خواهم", "می\u{200c}خواهم"),
            // An Arabic number sign, a combining mark.
            ("\u{600}١٢", "\u{600}١٢"),
            ("e\u{301} \u{fe0f}", "e\u{301}"),
            ("\u{2067}שלום\u{2069} ", "\u{2067}שלום\u{2069}"),
            ("\u{200b} \u{fe0f}", ""),
        ] {
            assert_eq!(trim(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_without_a_visible_character_is_blank() {
        for text in [
            "",
            "\u{200b}\u{2800}\u{3164}\u{e0041}",
            " \u{200d}\n\u{202e}\u{2069}\u{fe0f}",
            "\u{301}\u{20dd}",
            "ा",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.\u{200b}", "\u{1b}", "👩", "\u{600}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn invisible_characters_do_not_count_for_the_visible_length() {
        assert_eq!(visible_length("a\u{200b}\u{3164}\u{2800}\u{fe0f}"), 1);
        assert_eq!(visible_length("a b"), 3);
        assert_eq!(visible_length("a   \u{2066}   "), 1);
        assert_eq!(visible_length("e\u{301}"), 2);
    }

    #[test]
    fn directional_formatting_ends_with_its_paragraph() {
        for (text, expected) in [
            ("no formatting\n", "no formatting\n"),
            ("\u{202e}abc", "\u{202e}abc\u{202c}"),
            ("\u{2067}a\u{202b}b\nc\u{2069}", "\u{2067}a\u{202b}b\u{202c}\u{2069}\nc"),
            ("\u{2066}a\u{202e}b\u{2069}c", "\u{2066}a\u{202e}b\u{202c}\u{2069}c"),
            ("\u{202a}a\u{2066}b\u{202c}c\u{2069}d\u{202c}", "\u{202a}a\u{2066}bc\u{2069}d\u{202c}"),
            ("a\u{202c}b\u{2069}c", "abc"),
            ("\u{2068}a\u{2069}\u{200f}", "\u{2068}a\u{2069}\u{200f}"),
            ("\u{202d}a\u{2029}b", "\u{202d}a\u{202c}\u{2029}b"),
        ] {
            assert_eq!(isolate_directions(text), expected, "{text:?}");
        }
    }

    /// Texts in which characters with a meaning for the rules are frequent.
    fn texts() -> impl Strategy<Value = String> {
        let special = "[ \n\ra\u{5d0}\u{301}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}\u{2066}-\u{2069}\u{fe0f}\u{2800}\u{e0041}]{0,30}";
        prop_oneof![special, any::<String>()]
    }

    proptest! {
        #[test]
        fn trimming_again_changes_nothing(text in texts()) {
            let trimmed = trim(&text);
            prop_assert_eq!(trim(trimmed), trimmed);
            prop_assert_eq!(is_blank(trimmed), is_blank(&text));
            prop_assert_eq!(visible_length(trimmed), visible_length(&text));
        }

        #[test]
        fn isolated_directions_are_balanced_and_stay_the_same(text in texts()) {
            let isolated = isolate_directions(&text);
            prop_assert_eq!(&isolate_directions(&isolated), &isolated);
            for paragraph in isolated.split(['\n', '\r', '\u{2029}']) {
                let count = |characters: &[char]| paragraph.matches(characters).count();
                prop_assert_eq!(count(&['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}']), count(&[PDF]));
                prop_assert_eq!(count(&['\u{2066}', '\u{2067}', '\u{2068}']), count(&[PDI]));
            }
            let without = |text: &str| text.replace(is_bidi_control, "");
            prop_assert_eq!(without(&isolated), without(&text));
        }
    }
}
