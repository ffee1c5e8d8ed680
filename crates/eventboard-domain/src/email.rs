//! The form in which e-mail addresses are compared.

use crate::{fold, mail_domain::a_labels};

/// Makes e-mail addresses equal that reach the same mailbox, as far as one can tell without its server: the part before the
/// last `@` is folded ([`fold`]), and the domain gets the form that the DNS knows (A-labels). Normalizing a normal form changes
/// nothing.
///
/// Any text has a normal form, because a login may be given any text. Without `@`, or with a domain that the DNS cannot know,
/// it is folded.
pub fn normalize_email(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local_part, domain)) => format!("{}@{}", fold(local_part), normalize_domain(domain)),
        None => fold(email),
    }
}

fn normalize_domain(domain: &str) -> String {
    // A label that is invalid because it mixes both forms, such as `xn--fß-hoa`, can be valid when it is folded.
    a_labels(domain).unwrap_or_else(|| {
        let folded = fold(domain);
        a_labels(&folded).unwrap_or(folded)
    })
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use proptest::prelude::*;

    use super::*;
    use crate::rules;

    #[test]
    fn spellings_of_one_address_are_equal() {
        for (spellings, expected) in [
            (&["Ada@Example.ORG", "ADA@example.org"][..], "ada@example.org"),
            (
                &[
                    "Größe@Bücher.example",
                    "GRÖSSE@BÜCHER.EXAMPLE",
                    "gro\u{308}ße@bu\u{308}cher.example",
                    "grösse@xn--bcher-kva.example",
                    "größe@XN--BCHER-KVA.example",
                    "größe@bücher。example",
                    "größe@ｂücher．example",
                ],
                "grösse@xn--bcher-kva.example",
            ),
            (&["ΣΊΣΥΦΟΣ@example.org", "σίσυφος@example.org"], "σίσυφοσ@example.org"),
            (&["İ@example.org", "i\u{307}@example.org"], "i\u{307}@example.org"),
            (&["a@Ｅｘａｍｐｌｅ.org"], "a@example.org"),
            (&["a@İ.example", "a@i\u{307}.example"], "a@xn--i-9bb.example"),
            (&["\"A@B\"@Example.org"], "\"a@b\"@example.org"),
            (&["a@ab--cd.example", "a@AB--CD.example"], "a@ab--cd.example"),
        ] {
            for spelling in spellings {
                assert_eq!(normalize_email(spelling), expected, "{spelling:?}");
            }
        }
    }

    #[test]
    fn different_addresses_stay_different() {
        for (left, right) in [
            ("i@example.org", "İ@example.org"),
            ("i@example.org", "ı@example.org"),
            ("a@example.org", "ａ@example.org"),
            // Two domains that somebody can register.
            ("a@straße.example", "a@strasse.example"),
            ("a@ς.example", "a@σ.example"),
        ] {
            assert_ne!(normalize_email(left), normalize_email(right), "{left:?} {right:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_folded() {
        for (text, expected) in [
            ("", ""),
            ("Größe", "grösse"),
            ("@", "@"),
            ("A@", "a@"),
            ("A@B C", "a@b c"),
            ("A@[127.0.0.1]", "a@[127.0.0.1]"),
            ("A@-Größe.example", "a@-grösse.example"),
            ("A@example.org.", "a@example.org."),
            ("a@xn--A", "a@xn--a"),
            ("a@Ä_b.example", "a@ä_b.example"),
            ("a@b＠c.example", "a@b＠c.example"),
            // Valid only after it was folded.
            ("a@ü.xn--fß-hoa", "a@xn--tda.xn--fss-hoa"),
        ] {
            assert_eq!(normalize_email(text), expected, "{text:?}");
        }
    }

    /// Texts in which separators and letters that are treated in a special way are frequent.
    fn texts() -> impl Strategy<Value = String> {
        let special =
            "([aAiIsSxX1ıßẞİςΣσüÜ가ａ１.。．@＠#_-]|xn--|XN--|\u{301}|\u{307}|\u{308}|\u{200d}|\u{ad}){0,16}";
        let labels =
            "[a-zß]{0,3}@(xn--[a-z0-9-]{1,8}|[a-zßüς]{1,4})(\\.(xn--[a-z0-9ß-]{1,8}|[a-zßüς]{1,4})){0,2}";
        prop_oneof![special, labels, any::<String>()]
    }

    proptest! {
        #[test]
        fn normalizing_again_changes_nothing(text in texts()) {
            let normalized = normalize_email(&text);
            prop_assert_eq!(normalize_email(&normalized), normalized);
        }

        #[test]
        fn both_normalization_forms_of_an_address_are_equal(
            local_part in "[aeouAEOUßς]{1,6}[\u{301}\u{308}]?", domain in "[aouAOU][\u{308}]?[b-y]{1,6}",
        ) {
            let address = format!("{local_part}@{domain}.example");
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&address).into_owned();
            prop_assert_eq!(normalize_email(&decomposed), normalize_email(&address));
        }

        #[test]
        fn ascii_is_compared_in_lower_case(text in "([ -~]|@|\\.|xn--|XN--){0,24}") {
            prop_assert_eq!(normalize_email(&text), text.to_ascii_lowercase());
        }

        #[test]
        fn an_accepted_address_has_a_domain_in_ascii(local_part in "[a-zß]{1,4}", domain in "[a-zß\\PC.]{1,12}\\.[a-zü１0-9x]{1,4}") {
            let address = format!("{local_part}@{domain}");
            if rules::email(&address).is_ok() {
                let normalized = normalize_email(&address);
                let (_, domain) = normalized.rsplit_once('@').expect("a domain");
                prop_assert!(domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')));
                prop_assert!(!domain.contains('#'), "the normal form of a twin has it");
            }
        }
    }
}
