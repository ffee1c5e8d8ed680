//! An organization's slug, derived from its name.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::characters::{is_ignorable, is_letter_or_digit, is_mark};

/// Converts the name to lower case and replaces each run of characters other than Unicode letters and digits with one
/// `-`. Combining marks stay with their letter. Invisible characters are left out. The slug has no `-` at its ends. It
/// is empty only when the name has no letter and no digit.
///
/// Names that differ only in letter case, in invisible characters, or in how accents are encoded (Unicode normalization
/// forms C and D) have the same slug. The slug is in form C.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    let mut is_in_word = false;
    for character in lower_case(name).chars() {
        let is_letter = is_letter_or_digit(character);
        if is_letter && !is_in_word && !slug.is_empty() {
            slug.push('-');
        }
        is_in_word = is_letter || (is_in_word && is_mark(character));
        if is_in_word {
            slug.push(character);
        }
    }
    slug
}

/// Normalizes before and after the change to lower case: some letters become a letter and a mark (`İ`), and some become
/// a pair that can be composed (`J` with a caron).
fn lower_case(name: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let visible: String = name.chars().filter(|character| !is_ignorable(*character)).collect();
    nfc.normalize(&nfc.normalize(&visible).to_lowercase()).into_owned()
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
    fn names_become_slugs() {
        for (name, expected) in [
            ("Acme Corporation", "acme-corporation"),
            ("  --Acme & Söhne!! ", "acme-söhne"),
            ("東京 2026", "東京-2026"),
            ("A", "a"),
            ("!!!", ""),
            ("İstanbul Kulübü", "i\u{307}stanbul-kulübü"),
            ("I\u{307}STANBUL KULU\u{308}BU\u{308}", "i\u{307}stanbul-kulübü"),
            ("J\u{30c}", "\u{1f0}"),
            ("हिन्दी समिति", "हिन्दी-समिति"),
            ("ผู้จัดงาน", "ผู้จัดงาน"),
            ("Phở Hà Nội", "phở-hà-nội"),
            ("ශ්\u{200d}රී ලංකා", "ශ්රී-ලංකා"),
            ("Ac\u{200b}me\u{ad}\u{3164}", "acme"),
            ("! \u{301}a \u{301}\u{20dd}", "a"),
            ("\u{301}ा", ""),
        ] {
            assert_eq!(slug(name), expected, "{name:?}");
        }
    }

    #[test]
    fn every_character_has_one_slug_in_all_letter_cases_and_forms() {
        let is_assigned = |character: &char| {
            use GeneralCategory::{PrivateUse, Unassigned};
            !matches!(GeneralCategory::for_char(*character), PrivateUse | Unassigned)
        };
        // The ideographs are many, and have neither case nor form.
        let is_ideograph =
            |character: &char| ('\u{3400}'..='\u{9fff}').contains(character) || *character >= '\u{20000}';
        for character in ('\0'..=char::MAX).filter(is_assigned).filter(|character| !is_ideograph(character)) {
            let name = format!("a{character}b");
            let expected = slug(&name);
            assert_eq!(slug(&expected), expected, "{character:?}");
            assert_eq!(slug(&nfd(&name)), expected, "{character:?}");
            assert_eq!(slug(&name.to_lowercase()), expected, "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn the_slug_of_a_slug_is_the_slug_itself(name in any::<String>()) {
            let once = slug(&name);
            prop_assert_eq!(slug(&once), once);
        }

        #[test]
        fn both_normalization_forms_have_one_slug(name in any::<String>()) {
            let nfc = ComposingNormalizerBorrowed::new_nfc().normalize(&name).into_owned();
            prop_assert_eq!(slug(&nfd(&name)), slug(&nfc));
            prop_assert_eq!(slug(&nfd(&name)), slug(&name));
        }

        #[test]
        fn a_slug_contains_only_letters_marks_digits_and_single_inner_dashes(name in any::<String>()) {
            let slug = slug(&name);
            prop_assert!(slug.chars().all(|c| c == '-' || c.is_alphanumeric() || is_mark(c)));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
            prop_assert!(slug.split('-').all(|word| !word.starts_with(is_mark)));
        }

        #[test]
        fn a_name_with_a_letter_or_digit_has_a_slug(name in "\\PC{0,20}[a-zA-Z0-9äß東]\\PC{0,20}") {
            prop_assert!(!slug(&name).is_empty());
        }
    }
}
