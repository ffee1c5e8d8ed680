//! The form in which searches and the order by title compare texts.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

/// Makes texts equal that differ only in letter case or in how accents are encoded: Unicode normalization form C, full
/// case folding, and form C again, because folding decomposes some letters. Folding a folded text changes nothing.
///
/// A search is folded too, and is found where the folded text contains it:
///
/// - The folded whole contains the folded part if the text before and after the part ends at a letter with all its
///   marks. So `e` is not found in `é`, no matter how `é` is encoded, and a Hangul syllable is not found by its first
///   letters.
/// - One letter can fold to several, which are then found one by one: `s` and `SS` in `ß`, `f` in `ﬁ`.
/// - The folding is that of no language. `I` is the capital `i`, also in Turkish texts, and `İ` is an `i` with a dot
///   above. So `i` is not found in `İ`.
/// - Accents, widths (`Ａ`) and other compatibility forms (`²`) stay as they are.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    nfc.normalize(&CaseMapper::new().fold_string(&nfc.normalize(text))).into_owned()
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use icu_properties::props::{EnumeratedProperty, GeneralCategory};
    use proptest::prelude::*;

    use super::*;

    fn nfd(text: &str) -> String {
        DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
    }

    #[test]
    fn texts_that_differ_in_case_or_form_are_equal() {
        for (texts, expected) in [
            (&["Summer Party", "SUMMER PARTY", "summer party"][..], "summer party"),
            (&["Κόσμος", "ΚΌΣΜΟΣ", "κόσμοσ", "ΚΟ\u{301}ΣΜΟΣ"], "κόσμοσ"),
            (&["Straße", "STRASSE", "STRAẞE", "strasse"], "strasse"),
            (&["Größe", "GRO\u{308}SSE", "gro\u{308}ße"], "grösse"),
            (&["ﬁnale", "FINALE", "ﬁNALE"], "finale"),
            (&["J\u{30c}", "\u{1f0}", "j\u{30c}"], "\u{1f0}"),
            (&["\u{390}", "Ι\u{308}\u{301}", "ϊ\u{301}"], "\u{390}"),
            (&["ᾳ", "ᾼ", "ΑΙ", "α\u{345}"], "αι"),
            (&["İ", "I\u{307}", "i\u{307}"], "i\u{307}"),
            (&["\u{212a}elvin \u{212b}", "kelvin å"], "kelvin å"),
            (&["Ꭰꭰ", "ꭰᎠ"], "ᎠᎠ"),
            (&["ДОМ 東京 हिन्दी", "дом 東京 हिन्दी"], "дом 東京 हिन्दी"),
            (&["각", "\u{1100}\u{1161}\u{11a8}"], "각"),
        ] {
            for text in texts {
                assert_eq!(fold(text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn texts_that_look_different_stay_different() {
        for (left, right) in [("e", "é"), ("i", "İ"), ("i", "ı"), ("a", "Ａ"), ("2", "²"), ("o", "ø")] {
            assert_ne!(fold(left), fold(right));
        }
    }

    #[test]
    fn every_character_has_one_folded_text_in_all_letter_cases_and_forms() {
        let is_assigned = |character: &char| {
            use GeneralCategory::{PrivateUse, Unassigned};
            !matches!(GeneralCategory::for_char(*character), PrivateUse | Unassigned)
        };
        // Most ideographs have neither case nor form.
        let is_ideograph = |character: &char| {
            ('\u{3400}'..='\u{9fff}').contains(character) || ('\u{20000}'..='\u{2f7ff}').contains(character)
        };
        for character in ('\0'..=char::MAX).filter(is_assigned).filter(|character| !is_ideograph(character)) {
            let text = character.to_string();
            let folded = fold(&text);
            assert_eq!(fold(&folded), folded, "{character:?}");
            assert_eq!(fold(&nfd(&text)), folded, "{character:?}");
            // Lower case has a dotless and a dotted letter that upper case does not distinguish.
            if character != 'ı' {
                assert_eq!(fold(&text.to_uppercase()), folded, "{character:?}");
            }
            assert_eq!(fold(&text.to_lowercase()), folded, "{character:?}");
        }
    }

    /// The index on folded titles holds at most 2,704 bytes, and a title has at most 200 characters. Composing the
    /// characters of a text makes it shorter than its decomposed characters, never longer.
    #[test]
    fn no_character_folds_to_more_than_12_bytes() {
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert!(nfd(&fold(&text)).len() <= 12, "{character:?}");
            assert!(nfc.normalize(&text).len() <= nfd(&text).len(), "{character:?}");
        }
    }

    /// Texts in which letters that fold in a special way and marks are frequent.
    fn texts() -> impl Strategy<Value = String> {
        let special = "[aAeEiIjJsSıİßẞΑαᾳᾼΙιΣσςΐ가각각𝅗\u{301}\u{307}\u{308}\u{30c}\u{323}\u{334}\u{345}\u{1d165}]{0,12}";
        prop_oneof![special, any::<String>()]
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in texts()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn both_normalization_forms_have_one_folded_text(text in texts()) {
            let nfc = ComposingNormalizerBorrowed::new_nfc().normalize(&text).into_owned();
            prop_assert_eq!(fold(&nfd(&text)), fold(&nfc));
            prop_assert_eq!(fold(&nfd(&text)), fold(&text));
        }

        #[test]
        fn a_folded_text_has_at_most_12_bytes_for_each_character(text in texts()) {
            prop_assert!(fold(&text).len() <= 12 * text.chars().count());
        }

        #[test]
        fn a_folded_text_consists_of_its_folded_parts(
            before in texts(), part in "[A-Z ]", rest in texts(), after in "[A-Z ]", end in texts(),
        ) {
            // No letter of the alphabet joins the letter before it, so both ends of the part are ends of letters.
            let (part, after) = (part + &rest, after + &end);
            let whole = format!("{before}{part}{after}");
            prop_assert_eq!(fold(&whole), fold(&before) + &fold(&part) + &fold(&after));
        }

        #[test]
        fn ascii_folds_like_any_other_text(text in "[ -~]{0,20}") {
            prop_assert_eq!(fold(&format!("{text}ß")), fold(&text) + "ss");
        }
    }
}
