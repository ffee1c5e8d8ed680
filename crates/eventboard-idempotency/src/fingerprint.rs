//! The fingerprint of a request: a 32-byte hash that identifies repeated requests.

use chrono::{DateTime, Utc};
use eventboard_domain::{EntityTags, Preconditions};
use sha2::{Digest, Sha256};

/// Hashes names and values together with their lengths, so that different inputs cannot produce the same hashed text.
///
/// The hashed input must not change between releases, because stored keys outlive a release. A new request field is
/// added only when the request contains it.
#[derive(Debug, Clone)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Starts the fingerprint of a request to this gRPC method.
    pub fn of(method: &str) -> Self {
        Self(Sha256::new()).text("method", Some(method))
    }

    /// Adds a string, if present.
    #[must_use]
    pub fn text(mut self, name: &str, value: Option<&str>) -> Self {
        let Some(value) = value else { return self };
        for part in [name, value] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds an instant with millisecond precision, if present.
    #[must_use]
    pub fn instant(self, name: &str, value: Option<DateTime<Utc>>) -> Self {
        self.text(name, value.map(|instant| instant.timestamp_millis().to_string()).as_deref())
    }

    /// Adds the conditions of the write.
    #[must_use]
    pub fn preconditions(self, preconditions: &Preconditions) -> Self {
        let Preconditions { if_match, if_none_match } = preconditions;
        self.text("ifMatch", if_match.as_ref().map(entity_tags_text).as_deref())
            .text("ifNoneMatch", if_none_match.as_ref().map(entity_tags_text).as_deref())
    }

    /// Returns the SHA-256 of all fields.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn entity_tags_text(tags: &EntityTags) -> String {
    match tags {
        EntityTags::Any => "*".into(),
        EntityTags::Versions(versions) => format!("{versions:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_delimited() {
        let fingerprints = [
            Fingerprint::of("M").text("ab", Some("c")).finish(),
            Fingerprint::of("M").text("a", Some("bc")).finish(),
            Fingerprint::of("M").text("a", Some("b")).text("c", Some("")).finish(),
            Fingerprint::of("M").text("a", Some("")).finish(),
            Fingerprint::of("M").text("a", None).finish(),
        ];
        for (index, fingerprint) in fingerprints.iter().enumerate() {
            assert!(!fingerprints[..index].contains(fingerprint), "{index}");
        }
    }
}
