//! The version of a PostgreSQL server, as `postgres --version` tells it.

use std::fmt;

/// The oldest major version that is accepted: the schema and its migrations are written for it and for newer ones.
pub const OLDEST_MAJOR: u32 = 15;

/// A PostgreSQL version. Data folders are compatible within one major version and never across two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The first number, for instance 15 in `15.13`.
    pub major: u32,
    /// The version as the server writes it, for instance `15.13` or `18beta1`.
    pub full: String,
}

impl Version {
    /// Reads the answer of `postgres --version`, for instance `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
    pub(crate) fn parse(answer: &str) -> Option<Self> {
        let (_, rest) = answer.split_once("(PostgreSQL)")?;
        let full = rest.split_whitespace().next()?;
        Some(Self { major: leading_number(full)?, full: full.to_owned() })
    }

    pub(crate) fn is_supported(&self) -> bool {
        self.major >= OLDEST_MAJOR
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.full)
    }
}

/// The number that `text` starts with, if it does with one.
pub(crate) fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_server_writes_its_version_is_understood() {
        for (answer, major, full) in [
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", 15, "15.13"),
            ("postgres (PostgreSQL) 17.10", 17, "17.10"),
            ("postgres (PostgreSQL) 18beta1\n", 18, "18beta1"),
            ("postgres (PostgreSQL) 9.6.24\n", 9, "9.6.24"),
        ] {
            assert_eq!(Version::parse(answer), Some(Version { major, full: full.to_owned() }), "{answer}");
        }
    }

    #[test]
    fn another_program_has_no_version() {
        for answer in ["", "GNU bash, version 5.2", "postgres (PostgreSQL)", "postgres (PostgreSQL) devel"] {
            assert_eq!(Version::parse(answer), None, "{answer}");
        }
    }

    #[test]
    fn versions_before_the_oldest_supported_are_refused() {
        let supported = |answer| Version::parse(answer).map(|version| version.is_supported());
        assert_eq!(supported("postgres (PostgreSQL) 14.9"), Some(false));
        assert_eq!(supported("postgres (PostgreSQL) 15.0"), Some(true));
    }
}
