//! Descriptions: plain text in which blank lines make paragraphs and addresses of web pages become links. Nothing else is markup.

/// A paragraph of a description.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paragraph {
    /// Its lines.
    pub(crate) lines: Vec<Vec<Piece>>,
}

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// The address of a web page, which is also what the link shows.
    Link(String),
}

/// Splits a description into paragraphs.
pub(crate) fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            lines.push(pieces(line));
        } else if !lines.is_empty() {
            paragraphs.push(Paragraph { lines: std::mem::take(&mut lines) });
        }
    }
    paragraphs
}

/// Splits a line into texts and links.
fn pieces(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = link_start(rest) {
        let (before, from) = rest.split_at(start);
        let (address, after) = from.split_at(link_length(from));
        text.push_str(before);
        if address.ends_with("//") {
            text.push_str(address);
        } else {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Link(address.to_owned()));
        }
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// Where the next address begins. Not in the middle of a word.
fn link_start(text: &str) -> Option<usize> {
    let starts = text.match_indices("http").map(|(start, _)| start);
    starts.into_iter().find(|start| {
        let is_in_word = text[..*start].chars().next_back().is_some_and(char::is_alphanumeric);
        let address = &text[*start..];
        !is_in_word && (address.starts_with("http://") || address.starts_with("https://"))
    })
}

/// The length of the address at the beginning of a text. Punctuation after it belongs to the sentence.
fn link_length(text: &str) -> usize {
    let end = text.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"“”„«»".contains(c));
    let mut address = &text[..end.unwrap_or(text.len())];
    while let Some(last) = address.chars().next_back() {
        let is_unpaired = |open: char, close: char| {
            last == close && address.matches(close).count() > address.matches(open).count()
        };
        if !(".,;:!?'…".contains(last) || is_unpaired('(', ')') || is_unpaired('[', ']')) {
            break;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    address.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn link(address: &str) -> Piece {
        Piece::Link(address.to_owned())
    }

    #[test]
    fn blank_lines_make_paragraphs() {
        let paragraphs = paragraphs("One\ntwo\n \n\nthree");
        let lines: Vec<_> = paragraphs.iter().map(|paragraph| paragraph.lines.len()).collect();
        assert_eq!(lines, [2, 1]);
    }

    #[test]
    fn addresses_become_links_without_the_punctuation_after_them() {
        assert_eq!(
            pieces("See https://a.example/x?y=1, or (http://b.example/c_(d)). End"),
            [
                text("See "),
                link("https://a.example/x?y=1"),
                text(", or ("),
                link("http://b.example/c_(d)"),
                text("). End")
            ]
        );
        for plain in ["xhttps://a.example", "https://", "javascript:alert(1)", "httpx://a", "HTTP"] {
            assert_eq!(pieces(plain), [text(plain)]);
        }
        assert_eq!(pieces("<https://a.example>\"x"), [text("<"), link("https://a.example"), text(">\"x")]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(line in "(http://|https://|[a-z(). \"<]|\\PC){0,30}") {
            let joined: String = pieces(&line).into_iter().map(|piece| match piece {
                Piece::Text(text) | Piece::Link(text) => text,
            }).collect();
            prop_assert_eq!(joined, line);
        }
    }
}
