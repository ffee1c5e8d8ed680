//! Lists and parameters in header fields, which may contain quoted strings (RFC 9110, section 5.6).

use std::{borrow::Cow, iter};

/// Splits a field value at a separator outside quoted strings, from right to left.
///
/// The direction matters for lists to which each proxy appends: what a client wrote, for example a quotation mark that
/// is never closed, cannot change how the part to its right is read.
pub(crate) fn rsplit_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    iter::from_fn(move || {
        let value = rest?;
        let (left, right) = match rfind_unquoted(value, separator) {
            Some(index) => (Some(&value[..index]), &value[index + 1..]),
            None => (None, value),
        };
        rest = left;
        Some(right)
    })
}

fn rfind_unquoted(value: &[u8], separator: u8) -> Option<usize> {
    let mut is_quoted = false;
    value.iter().enumerate().rev().find_map(|(index, byte)| {
        if *byte == b'"' && !is_escaped(&value[..index]) {
            is_quoted = !is_quoted;
        }
        (*byte == separator && !is_quoted).then_some(index)
    })
}

/// Whether the byte that follows is escaped by a backslash that is not escaped itself.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The content of a quoted string, or a value that is not quoted as it is. `None` if the closing quotation mark is
/// missing.
pub(crate) fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let Some(quoted) = value.strip_prefix('"') else { return Some(value.into()) };
    let content = quoted.strip_suffix('"').filter(|content| !is_escaped(content.as_bytes()))?;
    if !content.contains('\\') {
        return Some(content.into());
    }
    let mut characters = content.chars();
    let unescape = || match characters.next()? {
        '\\' => characters.next(),
        character => Some(character),
    };
    Some(iter::from_fn(unescape).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(value: &str) -> Vec<String> {
        let parts = rsplit_unquoted(value.as_bytes(), b',');
        parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    #[test]
    fn a_separator_in_a_quoted_string_does_not_split() {
        assert_eq!(split("a,b"), ["b", "a"]);
        assert_eq!(split(r#"a,"b,c",d"#), ["d", r#""b,c""#, "a"]);
        assert_eq!(split(r#"a,"b\",c""#), [r#""b\",c""#, "a"]);
        assert_eq!(split(r#""a\\",b"#), ["b", r#""a\\""#]);
        assert_eq!(split(",,"), ["", "", ""]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn a_quoted_string_loses_its_quotation_marks_and_escapes() {
        for (value, content) in [
            ("a", Some("a")),
            ("", Some("")),
            (r#""a b""#, Some("a b")),
            (r#""a\"\b\\""#, Some(r#"a"b\"#)),
            (r#""""#, Some("")),
            (r#"""#, None),
            (r#""a"#, None),
            (r#""a\""#, None),
        ] {
            assert_eq!(unquote(value).as_deref(), content, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_wrote_does_not_change_what_follows(client in any::<Vec<u8>>(), text in "[^,\"\\\\]*") {
            let quoted = format!("\"{}\"", text.escape_default());
            for appended in [text, quoted] {
                let value = [&client, b",".as_slice(), appended.as_bytes()].concat();
                prop_assert_eq!(rsplit_unquoted(&value, b',').next(), Some(appended.as_bytes()));
            }
        }

        #[test]
        fn the_parts_are_the_whole_value(value in any::<Vec<u8>>()) {
            let mut parts: Vec<_> = rsplit_unquoted(&value, b',').collect();
            parts.reverse();
            prop_assert_eq!(parts.join(&b','), value);
        }

        #[test]
        fn a_quoted_text_is_unquoted_again(text in any::<String>()) {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let unquoted = unquote(&quoted);
            prop_assert_eq!(unquoted.as_deref(), Some(&*text));
        }
    }
}
