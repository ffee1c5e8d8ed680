//! Which media type a client prefers (RFC 9110, section 12.5.1).

use http::{HeaderMap, header::ACCEPT};

use crate::{
    quoted::{rsplit_unquoted, unquote},
    weight::{MAX_WEIGHT, Weight, parse_weight},
};

/// Whether the client prefers HTML to JSON, as browsers do. A client that accepts everything, or whose `Accept` is
/// missing or malformed, gets JSON.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let weights = |media_type| {
        let lines = headers.get_all(ACCEPT).iter();
        let elements = lines.flat_map(|line| rsplit_unquoted(line.as_bytes(), b','));
        let ranges = elements.filter_map(|element| MediaRange::parse(str::from_utf8(element).ok()?));
        // The most specific range decides.
        ranges.filter_map(move |range| Some((range.specificity(media_type)?, range.weight))).max()
    };
    let weight = |media_type| weights(media_type).map_or(0, |(_, weight)| weight);
    weight(("text", "html")) > weight(("application", "json"))
}

/// An element of `Accept`.
#[derive(Debug, PartialEq, Eq)]
struct MediaRange<'a> {
    kind: &'a str,
    subtype: &'a str,
    has_charset: bool,
    weight: Weight,
}

impl<'a> MediaRange<'a> {
    /// Parses an element. `None` if it is malformed, or if it has a parameter that no response of this API has.
    fn parse(element: &'a str) -> Option<Self> {
        let mut parts: Vec<_> = rsplit_unquoted(element.as_bytes(), b';').collect();
        let (kind, subtype) = str::from_utf8(parts.pop()?).ok()?.trim().split_once('/')?;
        let mut range = Self { kind, subtype, has_charset: false, weight: MAX_WEIGHT };
        for part in parts.iter().rev() {
            let part = str::from_utf8(part).ok()?.trim();
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=')?;
            let value = unquote(value.trim())?;
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => {
                    range.weight = parse_weight(&value)?;
                    // Whatever follows is not a parameter of the media type.
                    break;
                }
                "charset" if value.eq_ignore_ascii_case("utf-8") => range.has_charset = true,
                _ => return None,
            }
        }
        Some(range)
    }

    /// How specific the range is. `None` if it does not contain the media type.
    fn specificity(&self, (kind, subtype): (&str, &str)) -> Option<u8> {
        let is = |part: &str, expected: &str| part.eq_ignore_ascii_case(expected);
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (range, "*") => is(range, kind).then_some(1),
            (range, sub) => (is(range, kind) && is(sub, subtype)).then_some(2 + u8::from(self.has_charset)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn prefers(lines: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_bytes(line).expect("a value"));
        }
        prefers_html(&headers)
    }

    #[test]
    fn the_most_specific_range_with_the_highest_weight_decides() {
        for (accept, html) in [
            // Chrome, Firefox, Safari.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            ("text/html", true),
            ("TEXT/HTML", true),
            ("text/*", true),
            ("text/html;charset=UTF-8", true),
            ("text/html; charset=\"utf-8\"", true),
            ("*/*, application/json;q=0.5", true),
            ("text/html;q=0.5, application/json;q=0.4", true),
            ("text/html;q=0.001", true),
            ("text/*, application/*;q=0.9", true),
            ("application/json;q=0, */*", true),
            ("text/html ; Q=0.7 ; x=y, application/json;q=0.5", true),
            (",text/html,", true),
            ("x/y;a=\"text/html,\", text/html", true),
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("text/html, application/json", false),
            ("text/html;q=0.5, application/json", false),
            ("text/html, application/json;q=1.000", false),
            ("text/html;q=0", false),
            ("text/html;q=0, text/*", false),
            ("*/*, text/html;q=0.9", false),
            ("text/*;q=0.5, application/*", false),
            ("text/plain", false),
            ("image/*", false),
            ("text/html;level=1", false),
            ("text/html;charset=latin1", false),
            ("text/html;q=1.1", false),
            ("text/html;q=-1", false),
            ("text/html;q=0.1234", false),
            ("text/html;q=", false),
            ("text/html;q=1e0", false),
            ("text", false),
            ("a, b, text/html;q=x", false),
        ] {
            assert_eq!(prefers(&[accept.as_bytes()]), html, "{accept}");
        }
        assert!(!prefers(&[]));
        assert!(prefers(&[b"application/json;q=0.1", b"text/html;q=0.2"]), "several lines are one list");
        assert!(prefers(&[b"\xff, text/html"]));
    }

    proptest! {
        #[test]
        fn weights_are_compared_as_numbers(html in 0..=1000_u16, json in 0..=1000_u16) {
            let q = |weight: u16| f64::from(weight) / 1000.0;
            let accept = format!("text/html;q={}, application/json;q={}", q(html), q(json));
            prop_assert_eq!(prefers(&[accept.as_bytes()]), html > json, "{}", accept);
        }

        #[test]
        fn any_value_is_understood_or_ignored(value in prop::collection::vec(32..=126_u8, 0..80)) {
            prefers(&[&value]);
        }
    }
}
