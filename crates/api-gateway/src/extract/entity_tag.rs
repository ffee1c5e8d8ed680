//! Entity tags, in the form `"<version>"`, and lists of them in conditional requests.

use std::fmt;

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
    /// The text between the quotes. The tags of this API are numbers.
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
    /// Parses all values of one header, which together form one list (RFC 9110, section 5.3).
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
        if tags.is_empty() { Err(Malformed) } else { Ok(Self::Listed(tags)) }
    }

    /// The versions that can match by strong comparison. Weak tags are left out, because they never match (RFC 9110,
    /// section 8.8.3.2).
    pub(crate) fn strong_versions(&self) -> Vec<i64> {
        match self {
            Self::Any => Vec::new(),
            Self::Listed(tags) => {
                tags.iter().filter(|tag| !tag.is_weak).filter_map(EntityTag::version).collect()
            }
        }
    }

    /// Whether the version matches by weak comparison.
    pub(crate) fn matches_weakly(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag.version() == Some(version)),
        }
    }
}

impl EntityTag {
    /// The version, if the tag has the exact form that this API generates.
    fn version(&self) -> Option<i64> {
        self.opaque.parse().ok().filter(|version: &i64| version.to_string() == self.opaque)
    }
}

/// Formats a version as the value of an `ETag` header.
pub(crate) fn format_version(version: i64) -> String {
    format!("\"{version}\"")
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

    #[test]
    fn strong_comparison_ignores_weak_and_foreign_tags() {
        for (value, versions) in [
            ("\"7\"", vec![7]),
            ("\"7\", \"8\" ,\"9\"", vec![7, 8, 9]),
            (",\"7\",,", vec![7]),
            ("W/\"7\"", vec![]),
            ("\"abc\", W/\"7\", \"1\"", vec![1]),
            ("\"07\", \"+7\", \"7,8\"", vec![]),
            ("\"\"", vec![]),
            ("*", vec![]),
        ] {
            assert_eq!(parse(value).expect("well-formed").strong_versions(), versions, "{value}");
        }
    }

    #[test]
    fn weak_comparison_matches_weak_and_strong_tags() {
        assert!(parse("W/\"7\"").expect("well-formed").matches_weakly(7));
        assert!(parse("\"1\", \"7\"").expect("well-formed").matches_weakly(7));
        assert!(parse("*").expect("well-formed").matches_weakly(7));
        assert!(!parse("\"8\"").expect("well-formed").matches_weakly(7));
    }

    #[test]
    fn several_headers_are_one_list() {
        let tags = EntityTags::parse(&[b"\"1\"", b"\"2\""]).expect("well-formed");
        assert_eq!(tags.strong_versions(), [1, 2]);
        assert_eq!(EntityTags::parse(&[b"\"1\"", b"*"]), Err(Malformed));
    }

    #[test]
    fn a_malformed_list_is_rejected() {
        for bad in ["", ",", "7", "\"7", "7\"", "w/\"7\"", "\"7\" \"8\"", "*, \"7\"", "\"a b\"", "W/7"] {
            assert_eq!(parse(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_generated_tag_parses_back_to_its_version(version in 0i64..) {
            let tags = parse(&format_version(version)).expect("well-formed");
            prop_assert_eq!(tags.strong_versions(), vec![version]);
            prop_assert!(tags.matches_weakly(version));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = EntityTags::parse(&[&bytes]);
        }
    }
}
