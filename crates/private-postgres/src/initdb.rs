//! Creates a data folder with `initdb`, atomically.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::account::Account;
use crate::binaries::{Binaries, OVERRIDE_VARIABLE};
use crate::config::ClusterConfig;
use crate::{folders, progress};

/// Appended to the name of the data folder while `initdb` is running.
const UNFINISHED_SUFFIX: &str = ".initdb-";

/// Ensures that `data_dir` is a data folder of this major version. Creates it if it does not exist.
pub(crate) async fn ensure_data(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    data_dir: &Path,
) -> Result<()> {
    match fs::read_to_string(data_dir.join("PG_VERSION")) {
        Ok(version) => check_version(binaries, data_dir, version.trim()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            create(binaries, account, config, data_dir).await
        }
        Err(error) => {
            Err(error).with_context(|| format!("could not read the data folder {}", data_dir.display()))
        }
    }
}

fn check_version(binaries: &Binaries, data_dir: &Path, data_version: &str) -> Result<()> {
    ensure!(
        data_version == binaries.version.major.to_string(),
        "the data folder {} was created by PostgreSQL {data_version}, but the server in {} is PostgreSQL {}; set \
         {OVERRIDE_VARIABLE} to the folder of a PostgreSQL {data_version}, or remove the data folder to start with an \
         empty one",
        data_dir.display(),
        binaries.dir.display(),
        binaries.version.major
    );
    Ok(())
}

/// Creates the data folder under a temporary name and then renames it, so that a folder with the final name is always
/// complete.
async fn create(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    data_dir: &Path,
) -> Result<()> {
    ensure!(
        is_absent_or_empty(data_dir),
        "{} is neither empty nor a PostgreSQL data folder; remove it or choose another folder",
        data_dir.display()
    );
    remove_unfinished(data_dir)?;
    if config.durable {
        progress::report(&format!(
            "Creating a PostgreSQL {} data folder in {}",
            binaries.version,
            data_dir.display()
        ));
    }
    let unfinished = folders::create_private(account, &parent(data_dir)?, &unfinished_prefix(data_dir))?;
    let password = password_file(account, config, data_dir)?;
    run_initdb(binaries, account, config, unfinished.path(), password.path()).await?;
    fs::rename(unfinished.path(), data_dir)
        .with_context(|| format!("could not create the data folder {}", data_dir.display()))?;
    // The folder was renamed, so there is nothing left to remove.
    let _ = unfinished.keep();
    Ok(())
}

async fn run_initdb(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    folder: &Path,
    password: &Path,
) -> Result<()> {
    let mut command = account.command(binaries.dir.join("initdb"));
    command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-instructions"]);
    command.arg(format!("--username={}", config.superuser));
    command.arg("--pwfile").arg(password).arg("--pgdata").arg(folder);
    if !config.durable {
        command.arg("--no-sync");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
    let output = output.context("could not run initdb")?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    bail!("initdb failed ({}):\n{}", output.status, String::from_utf8_lossy(&text).trim())
}

/// Writes the password to a file that only the server's account can read. The file is removed when the result is
/// dropped. It is next to the unfinished data, so that after an interruption both are removed.
fn password_file(account: Account, config: &ClusterConfig, data_dir: &Path) -> Result<NamedTempFile> {
    let folder = parent(data_dir)?;
    let mut file = tempfile::Builder::new().prefix(&unfinished_prefix(data_dir)).tempfile_in(folder)?;
    writeln!(file, "{}", config.password)?;
    account.take_ownership(file.path())?;
    Ok(file)
}

/// Removes the files and folders that an interrupted run left behind. No other process uses them: the caller holds the
/// lock of a persistent folder, and a temporary folder is new.
fn remove_unfinished(data_dir: &Path) -> Result<()> {
    let prefix = unfinished_prefix(data_dir);
    for entry in parent(data_dir)?.read_dir()?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let is_folder = entry.file_type()?.is_dir();
            let remove = if is_folder { fs::remove_dir_all } else { fs::remove_file };
            remove(entry.path()).with_context(|| format!("could not remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn unfinished_prefix(data_dir: &Path) -> String {
    format!("{}{UNFINISHED_SUFFIX}", data_dir.file_name().unwrap_or_default().to_string_lossy())
}

fn parent(data_dir: &Path) -> Result<PathBuf> {
    Ok(data_dir.parent().context("the data folder has no parent")?.to_owned())
}

fn is_absent_or_empty(folder: &Path) -> bool {
    folder.read_dir().map_or(!folder.exists(), |mut entries| entries.next().is_none())
}
