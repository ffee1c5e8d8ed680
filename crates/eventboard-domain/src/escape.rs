//! Escapes the characters on which a terminal would act, or that it would not show.

use std::{borrow::Cow, fmt::Write};

use crate::characters::is_printable;

/// Returns the text as one line that a terminal shows as it is. Control characters, line breaks, and characters that are
/// invisible or change the direction of the text become escapes as in Rust: `\n`, `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_printable, |escaped, character| match character {
        '\n' | '\r' | '\t' => escaped.extend(character.escape_default()),
        _ => escaped.extend(character.escape_unicode()),
    })
}

/// Escapes the same characters in a JSON text as JSON does: `\u202e`. The value of the JSON text stays the same. Line
/// breaks stay, because in JSON they occur only between values.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_kept = |character| character == '\n' || is_printable(character);
    replace(json, is_kept, |escaped, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

fn replace(
    text: &str,
    is_kept: impl Fn(char) -> bool,
    push_escaped: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if text.chars().all(&is_kept) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_kept(character) {
            true => escaped.push(character),
            false => push_escaped(&mut escaped, character),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_bidirectional_and_zero_width_characters_are_escaped() {
        for (text, expected) in [
            ("Größe 東京 नमस्ते", "Größe 東京 नमस्ते"),
            ("a\u{1b}[2Jb", r"a\u{1b}[2Jb"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("a\u{9b}1m\u{7f}\0", r"a\u{9b}1m\u{7f}\u{0}"),
            ("\u{202e}gpj.exe\u{2069}", r"\u{202e}gpj.exe\u{2069}"),
            ("a\u{200b}b\u{feff}\u{2028}\u{e0041}", r"a\u{200b}b\u{feff}\u{2028}\u{e0041}"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_one_printable_line(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(escaped.chars().all(is_printable));
            prop_assert_eq!(escape(&escaped), &*escaped);
        }

        #[test]
        fn escaped_json_is_printable(text in any::<String>()) {
            let escaped = escape_json(&text);
            prop_assert!(escaped.chars().all(|character| character == '\n' || is_printable(character)));
        }
    }

    #[test]
    fn json_is_escaped_with_surrogates() {
        assert_eq!(escape_json("[\n\"\u{202e}\u{7f}\u{e0041}é\"]"), "[\n\"\\u202e\\u007f\\udb40\\udc41é\"]");
    }
}
