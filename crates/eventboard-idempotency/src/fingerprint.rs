//! What a request asks for, in 32 bytes: by this a repetition is recognised.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// Hashes names and values with their lengths, so that no two inputs run into one.
///
/// What is hashed must not change between releases, because stored keys outlive them: a new field of a request is
/// added only where it is given.
#[derive(Debug, Clone)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins the fingerprint of a request to the gRPC method.
    pub fn of(method: &str) -> Self {
        Self(Sha256::new()).text("method", Some(method))
    }

    /// Adds a text, when there is one.
    #[must_use]
    pub fn text(mut self, name: &str, value: Option<&str>) -> Self {
        let Some(value) = value else { return self };
        for part in [name, value] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds an instant to the millisecond, when there is one.
    #[must_use]
    pub fn instant(self, name: &str, value: Option<DateTime<Utc>>) -> Self {
        self.text(name, value.map(|instant| instant.timestamp_millis().to_string()).as_deref())
    }

    /// SHA-256 of all of it.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_names_and_values_nor_two_values_run_into_one() {
        let prints = [
            Fingerprint::of("M").text("ab", Some("c")).finish(),
            Fingerprint::of("M").text("a", Some("bc")).finish(),
            Fingerprint::of("M").text("a", Some("b")).text("c", Some("")).finish(),
            Fingerprint::of("M").text("a", Some("")).finish(),
            Fingerprint::of("M").text("a", None).finish(),
        ];
        for (index, print) in prints.iter().enumerate() {
            assert!(!prints[..index].contains(print), "{index}");
        }
    }
}
