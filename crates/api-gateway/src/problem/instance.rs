//! The member `instance` of problem details: the path of the request, as a URI reference.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The maximum length, in bytes, which are all ASCII characters.
const MAX_LENGTH: usize = 100;

/// Stands for the end of a path that was cut. RFC 3986 does not allow the character `…`.
const ELLIPSIS: &str = "...";

/// The length of a percent-encoded byte.
const ESCAPE_LENGTH: usize = "%2F".len();

/// The characters that RFC 3986, section 3.3, does not allow in a path. The HTTP library accepts some of them.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    // `unreserved`
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    // `sub-delims`
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The path as a URI reference (RFC 9457, section 3.1.5). A path of more than 100 characters is cut, so that the
/// response to a long request is short.
pub(crate) fn instance(path: &str) -> String {
    // Without this cut, a long path would be encoded only to be cut below.
    let beginning = path.char_indices().nth(MAX_LENGTH + 1).map_or(path, |(end, _)| &path[..end]);
    shorten(percent_encode(beginning))
}

/// Encodes the characters that a path must not contain. Escapes in the path stay as they are.
fn percent_encode(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut encoded: String = utf8_percent_encode(pieces.next().unwrap_or_default(), NOT_IN_PATH).collect();
    for piece in pieces {
        encoded.push_str(if starts_with_two_hex_digits(piece) { "%" } else { "%25" });
        encoded.extend(utf8_percent_encode(piece, NOT_IN_PATH));
    }
    encoded
}

fn starts_with_two_hex_digits(text: &str) -> bool {
    text.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Cuts an encoded path that is too long, but not in the middle of an escape.
fn shorten(mut path: String) -> String {
    if path.len() > MAX_LENGTH {
        path.truncate(MAX_LENGTH - ELLIPSIS.len());
        if let Some(start) = path.rfind('%').filter(|start| path.len() - start < ESCAPE_LENGTH) {
            path.truncate(start);
        }
        path.push_str(ELLIPSIS);
    }
    path
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_that_rfc_3986_allows_is_unchanged() {
        for path in ["/events/1", "/", "*", "/a-._~!$&'()*+,;=:@b//c", "/%C3%A9/%2f", &"/".repeat(100)] {
            assert_eq!(instance(path), path);
        }
    }

    #[test]
    fn other_characters_are_percent_encoded() {
        for (path, encoded) in [
            ("/events/{id}", "/events/%7Bid%7D"),
            ("/a\"b|c^d`e", "/a%22b%7Cc%5Ed%60e"),
            ("/é", "/%C3%A9"),
            ("/100%", "/100%25"),
            ("/%zz/%4", "/%25zz/%254"),
            ("/%é", "/%25%C3%A9"),
            ("/%%41", "/%25%41"),
        ] {
            assert_eq!(instance(path), encoded);
        }
    }

    #[test]
    fn a_long_path_is_cut_between_two_characters() {
        let x = |count| "x".repeat(count);
        assert_eq!(instance(&x(101)), format!("{}...", x(97)));
        for (before, kept) in [(94, "%2F"), (95, ""), (96, "")] {
            let path = format!("{}%2F{}", x(before), x(9));
            assert_eq!(instance(&path), format!("{}{kept}...", x(before)));
        }
        assert_eq!(instance(&"é".repeat(60_000)), format!("{}...", "%C3%A9".repeat(16)));
    }

    proptest! {
        #[test]
        fn an_instance_is_a_short_uri_reference(path in "/(\\PC|%[0-9a-f]{0,2}){0,120}") {
            let instance = instance(&path);
            prop_assert!(instance.len() <= MAX_LENGTH);
            let uri: Uri = instance.parse().expect("a path");
            prop_assert_eq!(uri.path(), &instance);
            let escapes = instance.split('%').skip(1);
            prop_assert!(escapes.into_iter().all(starts_with_two_hex_digits));
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%".contains(c);
            prop_assert!(instance.chars().all(is_allowed), "{instance}");
        }
    }
}
