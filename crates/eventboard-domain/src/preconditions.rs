//! The preconditions of a write (RFC 9110, section 13).

use crate::Refusal;

/// The entity tags of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// Any version, `*`.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl EntityTags {
    fn contain(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// The conditions under which a write is performed.
///
/// There is no `If-Unmodified-Since` here: it must be ignored, because nothing has a `Last-Modified` (section 13.1.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`: one of these is the current version.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: none of these is the current version.
    pub if_none_match: Option<EntityTags>,
}

impl Preconditions {
    /// Checks the conditions of a write to something with this version, in the order of section 13.2.2.
    ///
    /// # Errors
    /// When a condition is false.
    pub fn check_version(&self, version: i64) -> Result<(), Refusal> {
        let Self { if_match, if_none_match } = self;
        if if_match.as_ref().is_some_and(|tags| !tags.contain(version)) {
            return Err(Refusal::StaleVersion);
        }
        if if_none_match.as_ref().is_some_and(|tags| tags.contain(version)) {
            return Err(Refusal::PreconditionFailed { header: "If-None-Match" });
        }
        Ok(())
    }

    /// Checks the conditions of a creation. They concern the list of such things, which exists and has no entity tag.
    ///
    /// # Errors
    /// When a condition is false.
    pub fn check_creation(&self) -> Result<(), Refusal> {
        let Self { if_match, if_none_match } = self;
        if matches!(if_match, Some(EntityTags::Versions(_))) {
            return Err(Refusal::PreconditionFailed { header: "If-Match" });
        }
        if matches!(if_none_match, Some(EntityTags::Any)) {
            return Err(Refusal::PreconditionFailed { header: "If-None-Match" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: Result<(), Refusal> = Err(Refusal::StaleVersion);
    const IF_MATCH: Result<(), Refusal> = Err(Refusal::PreconditionFailed { header: "If-Match" });
    const IF_NONE_MATCH: Result<(), Refusal> = Err(Refusal::PreconditionFailed { header: "If-None-Match" });

    fn tags(versions: &[i64]) -> Option<EntityTags> {
        Some(EntityTags::Versions(versions.to_vec()))
    }

    /// One row for each combination of conditions: for an event with version 7, and for a creation.
    #[test]
    fn a_write_is_performed_only_if_all_conditions_are_true() {
        let any = || Some(EntityTags::Any);
        for (if_match, if_none_match, event, creation) in [
            (None, None, Ok(()), Ok(())),
            (any(), None, Ok(()), Ok(())),
            (tags(&[1, 7]), None, Ok(()), IF_MATCH),
            (tags(&[6]), None, STALE, IF_MATCH),
            (tags(&[]), None, STALE, IF_MATCH),
            (None, any(), IF_NONE_MATCH, IF_NONE_MATCH),
            (None, tags(&[1, 7]), IF_NONE_MATCH, Ok(())),
            (None, tags(&[6]), Ok(()), Ok(())),
            (None, tags(&[]), Ok(()), Ok(())),
            (tags(&[7]), tags(&[6]), Ok(()), IF_MATCH),
            (tags(&[7]), tags(&[7]), IF_NONE_MATCH, IF_MATCH),
            (any(), any(), IF_NONE_MATCH, IF_NONE_MATCH),
            (any(), tags(&[7]), IF_NONE_MATCH, Ok(())),
            // `If-Match` is evaluated first.
            (tags(&[6]), any(), STALE, IF_MATCH),
        ] {
            let preconditions = Preconditions { if_match, if_none_match };
            assert_eq!(preconditions.check_version(7), event, "{preconditions:?}");
            assert_eq!(preconditions.check_creation(), creation, "{preconditions:?}");
        }
    }
}
