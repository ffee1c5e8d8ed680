//! Entity tags: `"<version>"`, and the lists of them in conditional requests.

use std::fmt;

/// What `If-Match` or `If-None-Match` lists (RFC 9110, section 13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntityTags {
    /// `*`: whatever there is.
    Any,
    /// Any of these.
    Listed(Vec<EntityTag>),
}

/// One entity tag of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag {
    weak: bool,
    /// Between the quotes. Only a number is a tag of ours.
    opaque: String,
}

/// A header that is not a list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be * or a list of entity tags, for example \"7\"")
    }
}

impl EntityTags {
    /// Reads all values of one header, which together are one list (RFC 9110, section 5.3).
    ///
    /// # Errors
    /// When they are no such list.
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

    /// The versions that the list names by the strong comparison, for which a weak tag is never
    /// equal to anything (RFC 9110, section 8.8.3.2).
    pub(crate) fn strong_versions(&self) -> Vec<i64> {
        match self {
            Self::Any => Vec::new(),
            Self::Listed(tags) => {
                tags.iter().filter(|tag| !tag.weak).filter_map(EntityTag::version).collect()
            }
        }
    }

    /// Whether the list names the version by the weak comparison.
    pub(crate) fn weakly_names(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag.version() == Some(version)),
        }
    }
}

impl EntityTag {
    /// The version, when it is spelled as we spell it.
    fn version(&self) -> Option<i64> {
        self.opaque.parse().ok().filter(|version: &i64| version.to_string() == self.opaque)
    }
}

/// The tag of a version.
pub(crate) fn of_version(version: i64) -> String {
    format!("\"{version}\"")
}

/// Commas between, blanks around, empty elements allowed (RFC 9110, section 5.6.1.2).
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

/// `[W/]"…"` (RFC 9110, section 8.8.3), and what stands after it.
fn parse_tag(text: &[u8]) -> Result<(EntityTag, &[u8]), Malformed> {
    let (weak, text) = text.strip_prefix(b"W/").map_or((false, text), |text| (true, text));
    let text = text.strip_prefix(b"\"").ok_or(Malformed)?;
    let end = text.iter().position(|byte| *byte == b'"').ok_or(Malformed)?;
    let (opaque, after) = (&text[..end], &text[end + 1..]);
    let is_allowed = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    if !opaque.iter().all(is_allowed) {
        return Err(Malformed);
    }
    Ok((EntityTag { weak, opaque: String::from_utf8_lossy(opaque).into_owned() }, after))
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
    fn weak_comparison_does_not_care_for_weakness() {
        assert!(parse("W/\"7\"").expect("well-formed").weakly_names(7));
        assert!(parse("\"1\", \"7\"").expect("well-formed").weakly_names(7));
        assert!(parse("*").expect("well-formed").weakly_names(7));
        assert!(!parse("\"8\"").expect("well-formed").weakly_names(7));
    }

    #[test]
    fn several_headers_are_one_list() {
        let tags = EntityTags::parse(&[b"\"1\"", b"\"2\""]).expect("well-formed");
        assert_eq!(tags.strong_versions(), [1, 2]);
        assert_eq!(EntityTags::parse(&[b"\"1\"", b"*"]), Err(Malformed));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["", ",", "7", "\"7", "7\"", "w/\"7\"", "\"7\" \"8\"", "*, \"7\"", "\"a b\"", "W/7"] {
            assert_eq!(parse(bad), Err(Malformed), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn our_own_tags_read_back(version in 0i64..) {
            let tags = parse(&of_version(version)).expect("well-formed");
            prop_assert_eq!(tags.strong_versions(), vec![version]);
            prop_assert!(tags.weakly_names(version));
        }

        #[test]
        fn any_bytes_get_an_answer_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = EntityTags::parse(&[&bytes]);
        }
    }
}
