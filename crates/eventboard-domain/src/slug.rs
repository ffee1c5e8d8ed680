//! An organization's slug, derived from its name.

/// Converts the name to lower case and replaces each run of characters other than Unicode letters and digits with one
/// `-`. The slug has no `-` at its ends. It is empty only when the name has no letter and no digit.
pub fn slug(name: &str) -> String {
    name.to_lowercase()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, expected) in [
            ("Acme Corporation", "acme-corporation"),
            ("  --Acme & Söhne!! ", "acme-söhne"),
            ("東京 2026", "東京-2026"),
            ("A", "a"),
            ("!!!", ""),
        ] {
            assert_eq!(slug(name), expected, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn the_slug_of_a_slug_is_the_slug_itself(name in "\\PC{0,100}") {
            let once = slug(&name);
            prop_assert_eq!(slug(&once), once);
        }

        #[test]
        fn a_slug_contains_only_letters_digits_and_single_inner_dashes(name in "\\PC{0,100}") {
            let slug = slug(&name);
            prop_assert!(slug.chars().all(|c| c == '-' || c.is_alphanumeric()));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"));
        }

        #[test]
        fn a_name_with_a_letter_or_digit_has_a_slug(name in "\\PC{0,20}[a-zA-Z0-9äß東]\\PC{0,20}") {
            prop_assert!(!slug(&name).is_empty());
        }
    }
}
