//! The form in which e-mail addresses are compared.

use std::borrow::Cow;

use crate::fold;

/// Makes addresses equal that reach the same mailbox, as far as that can be known: the part before the last `@` is folded as
/// [`fold`] does, and the domain is in the form that DNS knows (A-labels, RFC 5890). What is no address is folded as a whole: a login
/// may be given any text.
///
/// An address of ASCII characters becomes lower case.
pub fn normalize_email(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local_part, domain)) => {
            let domain = ascii_domain(domain).unwrap_or_else(|| Cow::Owned(fold(domain)));
            format!("{}@{domain}", fold(local_part))
        }
        None => fold(email),
    }
}

/// The domain in the form that DNS knows (UTS 46, not transitional). `None` if there is no such form, or its last part is a number: then
/// it is an IP address, or is read as one.
pub(crate) fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    let top_level = ascii.strip_suffix('.').unwrap_or(&ascii).rsplit('.').next()?;
    let is_decimal = top_level.bytes().all(|byte| byte.is_ascii_digit());
    let is_hexadecimal = top_level
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (!is_decimal && !is_hexadecimal).then_some(ascii)
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
            (&["Ada@Example.org", "ADA@EXAMPLE.ORG", "ada@example.org"][..], "ada@example.org"),
            (
                &["Größe@Bücher.example", "GRÖSSE@BÜCHER.EXAMPLE", "gro\u{308}ße@xn--bcher-kva.example"],
                "grösse@xn--bcher-kva.example",
            ),
            (&["ΣΊΣΥΦΟΣ@a.gr", "σίσυφος@a.gr"], "σίσυφοσ@a.gr"),
            (&["İ@a.tr", "i\u{307}@a.tr"], "i\u{307}@a.tr"),
            (&["a@日本。jp", "a@日本.jp", "a@XN--WGV71A.jp"], "a@xn--wgv71a.jp"),
            (&["a@ＥＸＡＭＰＬＥ.org"], "a@example.org"),
            // In the domain, ß is a letter of its own (IDNA 2008).
            (&["a@straße.de", "a@xn--strae-oqa.de"], "a@xn--strae-oqa.de"),
        ] {
            for spelling in spellings {
                assert_eq!(normalize_email(spelling), expected, "{spelling:?}");
            }
        }
        assert_ne!(normalize_email("a@straße.de"), normalize_email("a@strasse.de"));
        assert_ne!(normalize_email("Ａ@a.de"), normalize_email("a@a.de"));
    }

    #[test]
    fn a_text_that_is_no_address_is_folded() {
        assert_eq!(normalize_email("ADMIN"), "admin");
        assert_eq!(normalize_email("A@B@xn--!.de"), "a@b@xn--!.de");
        assert_eq!(normalize_email("A@127.0.0.1"), "a@127.0.0.1");
        assert_eq!(normalize_email(""), "");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(
            email in prop_oneof!["\\PC{0,30}", "[a-zäßİσΣ]{1,5}@[a-zA-ZäßΣ。.-]{1,10}\\.(de|рф|xn--p1ai)", any::<String>()]
        ) {
            let normal = normalize_email(&email);
            prop_assert_eq!(&normalize_email(&normal), &normal);
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&email).into_owned();
            if ascii_domain(email.rsplit_once('@').map_or("", |(_, domain)| domain)).is_some() {
                prop_assert_eq!(normalize_email(&decomposed), normal);
            }
        }

        #[test]
        fn an_ascii_address_becomes_lower_case(email in "[ -~]{0,20}@[a-zA-Z0-9.-]{1,20}\\.[a-zA-Z]{2,6}") {
            if let Ok(email) = rules::email(&email) {
                prop_assert_eq!(normalize_email(&email), email.to_ascii_lowercase());
            }
        }
    }
}
