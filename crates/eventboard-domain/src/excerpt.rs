//! Shortens a caller's text before it is repeated in a response or in the log.

use std::borrow::Cow;

/// The maximum length of an excerpt, in characters.
const MAX_CHARS: usize = 100;

/// Stands for the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Returns the beginning of a caller's text: at most 100 characters, the last of which is `…` if the text was cut.
/// Every text of a caller that is repeated passes through this function, so that a response is never many times as
/// long as its request.
///
/// Control characters become U+FFFD. JSON would escape each as six bytes, and a terminal would interpret them.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    let is_cut = text.chars().nth(MAX_CHARS).is_some();
    if !is_cut && !text.contains(char::is_control) {
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
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
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
    fn control_characters_are_replaced() {
        assert_eq!(excerpt("a\0b\u{1b}[31m"), "a\u{fffd}b\u{fffd}[31m");
        assert_eq!(excerpt(&"\n".repeat(101)), format!("{}…", "\u{fffd}".repeat(99)));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_printable(text in any::<String>()) {
            let excerpt = excerpt(&text);
            prop_assert!(excerpt.chars().count() <= MAX_CHARS);
            prop_assert!(!excerpt.contains(char::is_control));
        }

        #[test]
        fn a_short_printable_text_is_unchanged(text in "\\PC{0,100}") {
            prop_assert_eq!(excerpt(&text), &*text);
        }
    }
}
