//! The server binaries: found on this machine, else downloaded.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::search::{Found, OVERRIDE_VARIABLE, Search};
use crate::version::{OLDEST_MAJOR, Version};
use crate::{download, place};

/// A folder with the `initdb` and `postgres` of a supported version, which the server's account can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The absolute path of the folder.
    pub dir: PathBuf,
    /// What led to the folder.
    pub origin: Origin,
    /// The version of the server in it, at least [`OLDEST_MAJOR`].
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

/// Finds a PostgreSQL server, in the order of [`Origin`], and downloads one to `download_dir` when there is none.
///
/// # Errors
///
/// `EVENTBOARD_PG_BIN` names a folder that is not usable, or nothing was found and the download failed. The
/// message says what was tried and what to do.
pub async fn find_binaries(download_dir: &Path) -> Result<Binaries> {
    let download_dir = download_dir.to_owned();
    let search = move || {
        let download_dir = place::usable_data_dir(&download_dir);
        Ok::<_, anyhow::Error>((Search::of_environment(download_dir.clone()).run()?, download_dir))
    };
    let (found, download_dir) = tokio::task::spawn_blocking(search).await??;
    match found {
        Found::Binaries(binaries) => Ok(binaries),
        Found::Nothing { tried } => {
            download::fetch(&download_dir).await.with_context(|| nothing_found(&tried))
        }
    }
}

fn nothing_found(tried: &[String]) -> String {
    format!(
        "no PostgreSQL server was found ({}), and downloading one failed. Install PostgreSQL {OLDEST_MAJOR} or newer \
         (for instance `apt-get install postgresql`) or name the folder of its initdb and postgres in \
         {OVERRIDE_VARIABLE}; or set DATABASE_URL to a server that runs already",
        tried.join("; ")
    )
}
