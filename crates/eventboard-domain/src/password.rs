//! The form in which passwords are hashed.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{EnumeratedProperty, GeneralCategory};

/// Makes passwords equal that a user cannot tell apart when typing them: every space becomes U+0020, and the text has Unicode
/// normalization form C (RFC 8265, section 4.2.2). Keyboards and operating systems differ in both. Preparing a prepared
/// password changes nothing. Letter case, widths and everything else that is visible stay as they are.
pub fn prepare_password(raw: &str) -> String {
    if raw.is_ascii() {
        return raw.to_owned();
    }
    let spaced: String = raw.chars().map(|c| if is_space(c) { ' ' } else { c }).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&spaced).into_owned()
}

fn is_space(character: char) -> bool {
    GeneralCategory::for_char(character) == GeneralCategory::SpaceSeparator
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spaces_and_accents_have_one_form_and_nothing_else_changes() {
        for (raw, prepared) in [
            ("Pass word 1", "Pass word 1"),
            ("Pass\u{a0}word\u{3000}1\u{202f}", "Pass word 1 "),
            ("Gro\u{308}ße", "Größe"),
            ("K\u{212b}", "K\u{c5}"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("Ｐassword\u{b2}", "Ｐassword\u{b2}"),
            ("tab\tzero\u{200b}width", "tab\tzero\u{200b}width"),
        ] {
            assert_eq!(prepare_password(raw), prepared, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn preparing_twice_changes_nothing(raw in any::<String>()) {
            let prepared = prepare_password(&raw);
            prop_assert_eq!(prepare_password(&prepared), prepared);
        }

        #[test]
        fn decomposed_and_composed_passwords_are_the_same(raw in "[a-zà-ÿḀ-ỹ가-힣 \u{a0}]{0,20}") {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&raw);
            prop_assert_eq!(prepare_password(&decomposed), prepare_password(&raw));
        }
    }
}
