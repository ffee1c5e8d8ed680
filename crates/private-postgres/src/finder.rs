//! Finds server binaries on this machine, or downloads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::binaries::{Binaries, OVERRIDE_VARIABLE};
use crate::search::{Search, SearchResult};
use crate::version::OLDEST_MAJOR;
use crate::{download, folders};

/// Finds a PostgreSQL server in the order of [`Origin`](crate::Origin). If none is found, downloads one to
/// `download_dir`.
///
/// # Errors
///
/// Returns an error if `EVENTBOARD_PG_BIN` is set to an unusable folder, or if no server was found and the download
/// failed. The message lists what was tried and suggests a fix.
pub async fn find_binaries(download_dir: &Path) -> Result<Binaries> {
    let override_dir = std::env::var_os(OVERRIDE_VARIABLE).filter(|value| !value.is_empty());
    find_binaries_or_use(override_dir.map(PathBuf::from), download_dir).await
}

/// Like [`find_binaries`], but `override_dir` replaces the variable `EVENTBOARD_PG_BIN` of this process.
///
/// # Errors
///
/// See [`find_binaries`].
pub async fn find_binaries_or_use(override_dir: Option<PathBuf>, download_dir: &Path) -> Result<Binaries> {
    let download_dir = download_dir.to_owned();
    let search = move || {
        let download_dir = folders::usable_data_dir(&download_dir);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let search = Search { override_dir, path, download_dir: download_dir.clone() };
        Ok::<_, anyhow::Error>((search.run()?, download_dir))
    };
    let (result, download_dir) = tokio::task::spawn_blocking(search).await??;
    match result {
        SearchResult::Found(binaries) => Ok(binaries),
        SearchResult::NotFound { tried } => {
            download::download(&download_dir).await.with_context(|| not_found_message(&tried))
        }
    }
}

fn not_found_message(tried: &[String]) -> String {
    format!(
        "no PostgreSQL server was found ({}), and the download failed. Install PostgreSQL {OLDEST_MAJOR} or newer \
         (for example `apt-get install postgresql`), or set {OVERRIDE_VARIABLE} to the folder of its initdb and \
         postgres, or set DATABASE_URL to a running server",
        tried.join("; ")
    )
}
