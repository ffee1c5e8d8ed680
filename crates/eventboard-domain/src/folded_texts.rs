//! The texts of an event in the form in which searches and the order by title compare them.

use crate::{Event, fold};

/// Separates the title from the description. No search contains it, because no text may contain a control character
/// other than a tab or a line break.
const SEPARATOR: char = '\u{1f}';

/// The folded texts of an event, which are stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedTexts {
    /// The folded title, by which lists are sorted. It has at most 12 bytes for each character of the title.
    pub title: String,
    /// The folded title and the folded description, in which searches look. U+001F separates them.
    pub search_text: String,
}

impl FoldedTexts {
    /// Folds the texts of an event.
    pub fn new(title: &str, description: &str) -> Self {
        let title = fold(title);
        let search_text = format!("{title}{SEPARATOR}{}", fold(description));
        Self { title, search_text }
    }
}

impl Event {
    /// Folds the texts.
    pub fn folded_texts(&self) -> FoldedTexts {
        FoldedTexts::new(&self.title, &self.description)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_search_text_is_the_folded_title_and_the_folded_description() {
        let texts = FoldedTexts::new("Straße", "IN BERLIN");
        let expected = FoldedTexts { title: "strasse".into(), search_text: "strasse\u{1f}in berlin".into() };
        assert_eq!(texts, expected);
    }

    proptest! {
        #[test]
        fn the_search_text_contains_what_either_text_contains(title in any::<String>(), description in any::<String>()) {
            let texts = FoldedTexts::new(&title, &description);
            prop_assert_eq!(texts.search_text, fold(&format!("{title}\u{1f}{description}")));
            prop_assert_eq!(texts.title, fold(&title));
        }
    }
}
