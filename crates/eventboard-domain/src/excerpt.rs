//! Shortens a caller's text before it is repeated in a response or in the log.

use std::borrow::Cow;

use crate::characters::is_printable;

/// The maximum length of an excerpt, in characters.
const MAX_CHARS: usize = 100;

/// Stands for the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Returns the beginning of a caller's text: at most 100 characters, the last of which is `…` if the text was cut.
/// Every text of a caller that is repeated passes through this function, so that a response is never many times as
/// long as its request.
///
/// Control characters, and characters that are invisible or change the direction of the text, become U+FFFD. JSON would
/// escape a control character as six bytes, and whoever reads the text would not see what it contains.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    let is_cut = text.chars().nth(MAX_CHARS).is_some();
    if !is_cut && text.chars().all(is_printable) {
        return text.into();
    }
    let kept = if is_cut { MAX_CHARS - 1 } else { MAX_CHARS };
    let mut excerpt: String = text.chars().take(kept).map(printable).collect();
    if is_cut {
        excerpt.push(ELLIPSIS);
    }
    excerpt.into()
}

fn printable(character: char) -> char {
    if is_printable(character) { character } else { char::REPLACEMENT_CHARACTER }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(excerpt(&"ß".repeat(100)), "ß".repeat(100));
        assert_eq!(excerpt(&"ß".repeat(101)), format!("{}…", "ß".repeat(99)));
    }

    #[test]
    fn control_and_invisible_characters_are_replaced() {
        assert_eq!(excerpt("a\0b\u{1b}[31m"), "a\u{fffd}b\u{fffd}[31m");
        assert_eq!(excerpt("\u{202e}a\u{200b}"), "\u{fffd}a\u{fffd}");
        assert_eq!(excerpt(&"\n".repeat(101)), format!("{}…", "\u{fffd}".repeat(99)));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_printable(text in any::<String>()) {
            let excerpt = excerpt(&text);
            prop_assert!(excerpt.chars().count() <= MAX_CHARS);
            prop_assert!(excerpt.chars().all(is_printable));
        }

        #[test]
        fn a_short_printable_text_is_unchanged(text in "\\PC{0,100}") {
            prop_assume!(text.chars().all(is_printable));
            prop_assert_eq!(excerpt(&text), &*text);
        }
    }
}
