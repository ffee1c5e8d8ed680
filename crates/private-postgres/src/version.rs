//! Parses the version of a PostgreSQL server.

use std::fmt;

/// The oldest supported major version: the schema and the migrations do not work with older versions.
pub const OLDEST_MAJOR: u32 = 15;

/// A PostgreSQL version. A data folder can only be used by servers of the same major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The first number, for example 15 in `15.13`.
    pub major: u32,
    /// The version as the server reports it, for example `15.13` or `18beta1`.
    pub full: String,
}

impl Version {
    /// Parses the output of `postgres --version`, for example `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        let (_, rest) = output.split_once("(PostgreSQL)")?;
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

/// The number at the start of `text`, if there is one.
pub(crate) fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_version_formats_are_parsed() {
        for (output, major, full) in [
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", 15, "15.13"),
            ("postgres (PostgreSQL) 17.10", 17, "17.10"),
            ("postgres (PostgreSQL) 18beta1\n", 18, "18beta1"),
            ("postgres (PostgreSQL) 9.6.24\n", 9, "9.6.24"),
        ] {
            assert_eq!(Version::parse(output), Some(Version { major, full: full.to_owned() }), "{output}");
        }
    }

    #[test]
    fn the_output_of_another_program_is_rejected() {
        for output in ["", "GNU bash, version 5.2", "postgres (PostgreSQL)", "postgres (PostgreSQL) devel"] {
            assert_eq!(Version::parse(output), None, "{output}");
        }
    }

    #[test]
    fn versions_older_than_the_minimum_are_unsupported() {
        let supported = |output| Version::parse(output).map(|version| version.is_supported());
        assert_eq!(supported("postgres (PostgreSQL) 14.9"), Some(false));
        assert_eq!(supported("postgres (PostgreSQL) 15.0"), Some(true));
    }
}
