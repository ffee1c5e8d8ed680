//! Domains to which mail can be delivered.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Whether mail can be delivered to a domain of this name. IP addresses have no name, and no top-level domain is a number
/// (RFC 3696, section 2), also not a hexadecimal one, which other software would take for a part of an IP address.
pub(crate) fn is_mail_domain(domain: &str) -> bool {
    a_labels(domain).is_some_and(|domain| domain.rsplit('.').next().is_some_and(|label| !is_number(label)))
}

fn is_number(label: &str) -> bool {
    let is_hexadecimal = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    label.bytes().all(|digit| digit.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(is_hexadecimal)
}

/// The form of a domain that the DNS knows (UTS 46, with all of its rules but the one that refuses hyphens at the third and
/// fourth place, where real names have them). It is in lower case.
pub(crate) fn a_labels(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    ascii.ok().map(|ascii| ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_domain_has_a_name() {
        for domain in
            ["example.org", "bücher.example", "xn--bcher-kva.example", "1.2.3.example", "b.0y1", "b.1a"]
        {
            assert!(is_mail_domain(domain), "{domain:?}");
        }
        let long = "ü".repeat(60);
        for domain in [
            "",
            "b.123",
            "b.１２３",
            "b.123.",
            "127.0.0.1",
            "1.2.3",
            "b.0x1F",
            "b.0x",
            "b..c",
            "b.c.",
            "b_c.de",
            "xn--a.de",
            "-b.de",
            "b-.de",
            "b⒜.de",
            "b.c⒈",
            "b%41.de",
            "[::1]",
            "a#b.de",
            &long,
        ] {
            assert!(!is_mail_domain(domain), "{domain:?}");
        }
    }
}
