//! Texts of users in mails.

use std::fmt;

/// Text of a user that is one line: a name or a title. It contains no control character, so that it can neither begin
/// another header nor another line, and nothing that changes the direction of the text around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line(String);

impl Line {
    /// Replaces what a line must not contain by spaces, and joins neighboring spaces.
    pub(crate) fn new(text: &str) -> Self {
        let visible: String = text.chars().map(|c| if is_forbidden(c) { ' ' } else { c }).collect();
        Self(visible.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The line, cut to a number of characters.
    pub(crate) fn cut(&self, max_chars: usize) -> String {
        match self.0.char_indices().nth(max_chars) {
            None => self.0.clone(),
            Some(_) => self.0.chars().take(max_chars - 1).chain(['…']).collect(),
        }
    }

    /// The line as it is shown within the text of a mail. Mail programs turn what looks like an address into a link, and
    /// a stranger chooses the name of an account. So an invisible character, at which no line is broken, follows each
    /// character that would join the parts of an address.
    pub(crate) fn unlinked(&self) -> Unlinked<'_> {
        Unlinked(&self.0)
    }
}

/// See [`Line::unlinked`].
pub(crate) struct Unlinked<'l>(&'l str);

/// WORD JOINER.
const JOINER: char = '\u{2060}';

impl fmt::Display for Unlinked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars().peekable();
        while let Some(character) = characters.next() {
            write!(f, "{character}")?;
            let is_followed = characters.peek().is_some_and(|next| !next.is_whitespace());
            if is_followed && matches!(character, '.' | ':' | '/' | '@' | '。' | '．') {
                write!(f, "{JOINER}")?;
            }
        }
        Ok(())
    }
}

/// Control characters, line breaks, and characters that change the direction of the text.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of a user that may have several lines. It contains no other control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paragraphs(Vec<Line>);

impl Paragraphs {
    /// Takes the lines of a text, without the empty ones at its end.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().split('\n').map(Line::new).collect())
    }

    /// The lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|line| line.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_cut_with_an_ellipsis() {
        let line = Line::new("Größe");
        assert_eq!((line.cut(5).as_str(), line.cut(4).as_str()), ("Größe", "Grö…"));
    }

    #[test]
    fn nothing_in_a_line_looks_like_an_address() {
        for (name, shown) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("J. R. Hartley", "J. R. Hartley"),
            ("evil.example", "evil.\u{2060}example"),
            ("https://evil.example", "https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}example"),
            ("ada@evil.example", "ada@\u{2060}evil.\u{2060}example"),
        ] {
            assert_eq!(Line::new(name).unlinked().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn a_line_is_one_line(text in any::<String>(), length in 1_usize..100) {
            let line = Line::new(&text);
            prop_assert!(!line.0.contains(is_forbidden));
            prop_assert!(line.cut(length).chars().count() <= length);
            prop_assert_eq!(&Line::new(&line.0), &line);
        }

        #[test]
        fn paragraphs_have_no_control_characters(text in any::<String>()) {
            let paragraphs = Paragraphs::new(&text);
            prop_assert!(paragraphs.lines().all(|line| !line.contains(is_forbidden)));
        }
    }
}
