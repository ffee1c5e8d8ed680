//! The server binaries.

use std::fmt;
use std::path::PathBuf;

use crate::version::Version;

/// Names the folder that holds `initdb` and `postgres`, before anything is searched.
pub(crate) const OVERRIDE_VARIABLE: &str = "EVENTBOARD_PG_BIN";

/// A folder with the `initdb` and `postgres` of a supported version, which the server's account can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The absolute path of the folder.
    pub dir: PathBuf,
    /// What led to the folder.
    pub origin: Origin,
    /// The version of the server in it, at least [`OLDEST_MAJOR`](crate::OLDEST_MAJOR).
    pub version: Version,
}

/// How binaries were found, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named by the environment variable `EVENTBOARD_PG_BIN`.
    Chosen,
    /// The program `postgres` on PATH, its symbolic links followed.
    Path,
    /// Named by `pg_config --bindir`.
    PgConfig,
    /// The newest in the folders where distributions install PostgreSQL.
    Installed,
    /// A copy that was downloaded, now or earlier.
    Downloaded,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Chosen => OVERRIDE_VARIABLE,
            Self::Path => "PATH",
            Self::PgConfig => "pg_config --bindir",
            Self::Installed => "/usr/lib/postgresql/*/bin and the like",
            Self::Downloaded => "downloaded copies",
        })
    }
}
