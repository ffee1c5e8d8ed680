//! Server binaries, found on this machine, else downloaded.

use std::path::Path;

use anyhow::{Context, Result};

use crate::binaries::{Binaries, OVERRIDE_VARIABLE};
use crate::search::{Found, Search};
use crate::version::OLDEST_MAJOR;
use crate::{download, place};

/// Finds a PostgreSQL server, in the order of [`Origin`](crate::Origin), and downloads one to `download_dir` when there is none.
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
