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
