//! Entity tags, and lists of them in conditional requests.
//!
//! The tag of an event is its version, `"7"`. A representation with a content coding has a tag of its own (RFC 9110,
//! section 8.8.3.3), for example `"7-gzip"`. All tags of a version identify the same event, so a client may send any of
//! them in a condition.

use std::{fmt, iter};

/// What a proxy that compresses responses appends to a tag: `"7-gzip"` (Apache, Caddy, and this gateway), `"7--gzip"`
/// (Jetty), `"7;gz"` (LiteSpeed).
const CODINGS: [&str; 5] = ["gzip", "gz", "br", "zstd", "deflate"];
const SEPARATORS: [&str; 3] = ["--", "-", ";"];

/// The value of `If-Match` or `If-None-Match` (RFC 9110, section 13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntityTags {
    /// `*`: any version.
    Any,
    /// One of these tags.
    Listed(Vec<EntityTag>),
}

/// An entity tag that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag {
    is_weak: bool,
    /// The text between the quotes.
    opaque: String,
}

/// The error for a header that is not a list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be * or a list of entity tags, for example \"7\"")
    }
}

impl EntityTags {
    /// Parses all values of one header, which together form one list (RFC 9110, section 5.3). The list may be empty.
    ///
    /// # Errors
    /// Returns an error if the values are not a list of entity tags.
    pub(crate) fn parse(values: &[&[u8]]) -> Result<Self, Malformed> {
        if let [value] = values
            && value.trim_ascii() == b"*"
        {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        for value in values {
            parse_list(value, &mut tags)?;
        }
        Ok(Self::Listed(tags))
    }

    /// The versions that match by strong comparison. Weak tags are left out, because they never match (RFC 9110, section
    /// 8.8.3.2).
    pub(crate) fn strong_versions(&self) -> Vec<i64> {
        self.tags().iter().filter(|tag| !tag.is_weak).filter_map(EntityTag::version).collect()
    }

    /// The versions that match by weak comparison.
    pub(crate) fn weak_versions(&self) -> Vec<i64> {
        self.tags().iter().filter_map(EntityTag::version).collect()
    }

    /// Whether the representation matches by strong comparison. `current` is its strong tag without quotes, if it has one.
    pub(crate) fn match_strongly(&self, current: Option<&str>) -> bool {
        let is_current = |tag: &EntityTag| !tag.is_weak && Some(tag.representation()) == current;
        *self == Self::Any || self.tags().iter().any(is_current)
    }

    /// Whether the representation matches by weak comparison.
    pub(crate) fn match_weakly(&self, current: Option<&str>) -> bool {
        *self == Self::Any || self.first_match(current).is_some()
    }

    /// The first of the listed tags that matches by weak comparison, as a strong tag with quotes.
    pub(crate) fn first_match(&self, current: Option<&str>) -> Option<String> {
        let tag = self.tags().iter().find(|tag| Some(tag.representation()) == current)?;
        Some(quoted(&tag.opaque))
    }

    fn tags(&self) -> &[EntityTag] {
        match self {
            Self::Any => &[],
            Self::Listed(tags) => tags,
        }
    }
}

impl EntityTag {
    /// The tag without the content codings that were appended to it.
    fn representation(&self) -> &str {
        iter::successors(Some(self.opaque.as_str()), |&tag| without_coding(tag)).last().unwrap_or_default()
    }

    /// The version, if the tag has a form that this API generates.
    fn version(&self) -> Option<i64> {
        let text = self.representation();
        text.parse().ok().filter(|version: &i64| version.to_string() == text)
    }
}

fn without_coding(tag: &str) -> Option<&str> {
    let rest = CODINGS.iter().find_map(|coding| tag.strip_suffix(coding))?;
    SEPARATORS.iter().find_map(|separator| rest.strip_suffix(separator))
}

/// The tag of the same representation with a content coding.
pub(crate) fn with_coding(opaque: &str, coding: &str) -> String {
    format!("\"{opaque}-{coding}\"")
}

/// The text of a strong tag between the quotes.
pub(crate) fn strong(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

fn quoted(opaque: &str) -> String {
    format!("\"{opaque}\"")
}

/// Formats a version as the value of an `ETag` header.
pub(crate) fn format_version(version: i64) -> String {
    quoted(&version.to_string())
}

/// Parses a comma-separated list, with optional whitespace and empty elements (RFC 9110, section 5.6.1.2).
fn parse_list(value: &[u8], tags: &mut Vec<EntityTag>) -> Result<(), Malformed> {
    let mut rest = value.trim_ascii_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
            continue;
        }
        let (tag, after) = parse_tag(rest)?;
        tags.push(tag);
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(Malformed);
        }
    }
    Ok(())
}

/// Parses `[W/]"…"` (RFC 9110, section 8.8.3). Also returns the remaining text.
fn parse_tag(text: &[u8]) -> Result<(EntityTag, &[u8]), Malformed> {
    let (is_weak, text) = text.strip_prefix(b"W/").map_or((false, text), |text| (true, text));
    let text = text.strip_prefix(b"\"").ok_or(Malformed)?;
    let end = text.iter().position(|byte| *byte == b'"').ok_or(Malformed)?;
    let (opaque, after) = (&text[..end], &text[end + 1..]);
    let is_allowed = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    if !opaque.iter().all(is_allowed) {
        return Err(Malformed);
    }
    Ok((EntityTag { is_weak, opaque: String::from_utf8_lossy(opaque).into_owned() }, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Result<EntityTags, Malformed> {
        EntityTags::parse(&[value.as_bytes()])
    }

    /// The versions by strong and by weak comparison.
    #[test]
    fn a_list_contains_versions() {
        for (value, strong, weak) in [
            ("\"7\"", vec![7], vec![7]),
            ("\"7\", \"8\" ,\"9\"\t,\t\"10\"", vec![7, 8, 9, 10], vec![7, 8, 9, 10]),
            (",\"7\",,", vec![7], vec![7]),
            ("", vec![], vec![]),
            (" , ,", vec![], vec![]),
            ("W/\"7\"", vec![], vec![7]),
            ("\"abc\", W/\"7\", \"1\"", vec![1], vec![7, 1]),
            ("\"07\", \"+7\", \"7,8\"", vec![], vec![]),
            ("\"\", \"gzip\", \"-gzip\", \"7gzip\", \"7-\", \"7-xz\"", vec![], vec![]),
            ("\"7-gzip\", \"8-br\", \"9-zstd\", \"10-deflate\"", vec![7, 8, 9, 10], vec![7, 8, 9, 10]),
            ("\"7--gzip\", \"8;gzip\", \"9;gz\", \"10;br\"", vec![7, 8, 9, 10], vec![7, 8, 9, 10]),
            ("W/\"7-gzip\", \"8-gzip-gzip\"", vec![8], vec![7, 8]),
            ("*", vec![], vec![]),
        ] {
            let tags = parse(value).expect("well-formed");
            assert_eq!((tags.strong_versions(), tags.weak_versions()), (strong, weak), "{value}");
        }
    }

    #[test]
    fn a_representation_matches_any_or_a_listed_tag() {
        for (value, current, strongly, weakly) in [
            ("*", Some("7"), true, true),
            ("*", None, true, true),
            ("\"1\", \"7\"", Some("7"), true, true),
            ("\"1\", \"7\"", None, false, false),
            ("W/\"7\"", Some("7"), false, true),
            ("W/\"7--gzip\"", Some("7"), false, true),
            ("\"7-br\"", Some("7"), true, true),
            ("\"abc-gzip\"", Some("abc"), true, true),
            ("\"8\"", Some("7"), false, false),
            ("", Some("7"), false, false),
        ] {
            let tags = parse(value).expect("well-formed");
            assert_eq!(
                (tags.match_strongly(current), tags.match_weakly(current)),
                (strongly, weakly),
                "{value}"
            );
        }
    }

    #[test]
    fn the_first_match_is_returned_as_the_client_sent_it() {
        let tags = parse("\"1\", W/\"7-gzip\", \"7\"").expect("well-formed");
        assert_eq!(tags.first_match(Some("7")).as_deref(), Some("\"7-gzip\""));
        assert_eq!(tags.first_match(Some("8")), None);
        assert_eq!(EntityTags::Any.first_match(Some("7")), None);
    }

    #[test]
    fn several_headers_are_one_list() {
        let tags = EntityTags::parse(&[b"\"1\"", b"", b"\"2\""]).expect("well-formed");
        assert_eq!(tags.strong_versions(), [1, 2]);
        assert_eq!(EntityTags::parse(&[b"\"1\"", b"*"]), Err(Malformed));
        assert_eq!(EntityTags::parse(&[b"*", b"*"]), Err(Malformed));
    }

    #[test]
    fn a_malformed_list_is_rejected() {
        for bad in
            ["7", "\"7", "7\"", "w/\"7\"", "\"7\" \"8\"", "*, \"7\"", "\"7\", *", "\"a b\"", "W/7", "W/"]
        {
            assert_eq!(parse(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_generated_tag_parses_back_to_its_version(version in 0i64.., coding in "(gzip|br|zstd)") {
            let tag = format_version(version);
            let coded = with_coding(strong(&tag).expect("a strong tag"), &coding);
            for tag in [tag, coded] {
                let tags = parse(&tag).expect("well-formed");
                prop_assert_eq!(tags.strong_versions(), vec![version]);
                prop_assert_eq!(tags.weak_versions(), vec![version]);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = EntityTags::parse(&[&bytes]);
        }
    }
}
