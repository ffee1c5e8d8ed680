//! Creating a data folder, all or nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::account::Account;
use crate::binaries::{Binaries, OVERRIDE_VARIABLE};
use crate::config::ClusterConfig;
use crate::{place, progress};

/// Follows the name of the data folder in the name of a folder that is not complete yet.
const UNFINISHED: &str = ".initdb-";

/// Makes `data_dir` a data folder of this major version: there already, or created now.
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

fn check_version(binaries: &Binaries, data_dir: &Path, made_by: &str) -> Result<()> {
    ensure!(
        made_by == binaries.version.major.to_string(),
        "the data folder {} was made by PostgreSQL {made_by}, but the server found in {} is PostgreSQL {}; name the \
         folder of a PostgreSQL {made_by} in {OVERRIDE_VARIABLE}, or remove the data folder to begin anew",
        data_dir.display(),
        binaries.dir.display(),
        binaries.version.major
    );
    Ok(())
}

/// Creates the data beside its place and renames it: what bears the final name is complete.
async fn create(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    data_dir: &Path,
) -> Result<()> {
    ensure!(
        is_absent_or_empty(data_dir),
        "{} is not empty, but not a PostgreSQL data folder either; remove it or choose another",
        data_dir.display()
    );
    remove_unfinished(data_dir)?;
    if config.durable {
        progress::tell(&format!(
            "Creating a PostgreSQL {} data folder in {}",
            binaries.version,
            data_dir.display()
        ));
    }
    let unfinished = place::create_private(account, &parent(data_dir)?, &unfinished_prefix(data_dir))?;
    let password = password_file(account, config, data_dir)?;
    run_initdb(binaries, account, config, unfinished.path(), password.path()).await?;
    fs::rename(unfinished.path(), data_dir)
        .with_context(|| format!("could not create the data folder {}", data_dir.display()))?;
    // Renamed away, so there is nothing for it to remove.
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
    let said = [output.stdout, output.stderr].concat();
    bail!("initdb failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim())
}

/// The password in a file that only the server's account can read, removed when dropped. It lies where the
/// unfinished data lies, to be cleared away with it after an interruption.
fn password_file(account: Account, config: &ClusterConfig, data_dir: &Path) -> Result<NamedTempFile> {
    let folder = parent(data_dir)?;
    let mut file = tempfile::Builder::new().prefix(&unfinished_prefix(data_dir)).tempfile_in(folder)?;
    writeln!(file, "{}", config.password)?;
    account.give(file.path())?;
    Ok(file)
}

/// Removes what an interrupted run left; the caller holds the lock of the folder, so it is nobody's work.
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
    format!("{}{UNFINISHED}", data_dir.file_name().unwrap_or_default().to_string_lossy())
}

fn parent(data_dir: &Path) -> Result<PathBuf> {
    Ok(data_dir.parent().context("the data folder has no parent")?.to_owned())
}

fn is_absent_or_empty(folder: &Path) -> bool {
    folder.read_dir().map_or(!folder.exists(), |mut entries| entries.next().is_none())
}
