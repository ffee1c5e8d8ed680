//! Describes the server binaries and how they were found.

use std::fmt;
use std::path::PathBuf;

use crate::version::Version;

/// The variable with the folder that contains `initdb` and `postgres`. If it is set, no other folder is searched.
pub(crate) const OVERRIDE_VARIABLE: &str = "EVENTBOARD_PG_BIN";

/// A folder that contains `initdb` and `postgres` in a supported version. The server's account can run them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The absolute path of the folder.
    pub dir: PathBuf,
    /// How the folder was found.
    pub origin: Origin,
    /// The version of the server, at least [`OLDEST_MAJOR`](crate::OLDEST_MAJOR).
    pub version: Version,
}

/// How binaries were found, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Set in the environment variable `EVENTBOARD_PG_BIN`.
    Override,
    /// The program `postgres` on PATH, with symbolic links followed.
    Path,
    /// Reported by `pg_config --bindir`.
    PgConfig,
    /// The newest version in the folders where distributions install PostgreSQL.
    Installed,
    /// A downloaded copy.
    Downloaded,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Override => OVERRIDE_VARIABLE,
            Self::Path => "PATH",
            Self::PgConfig => "pg_config --bindir",
            Self::Installed => "/usr/lib/postgresql/*/bin and similar folders",
            Self::Downloaded => "downloaded copies",
        })
    }
}
