//! Where files of the server can live: only where the server's account gets to.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::account::Account;

/// For folders that the server's account cannot reach below their project.
const SYSTEM_FOLDER: &str = "/var/lib/eventboard";

/// The folder to use for `preferred`: itself, made absolute, unless the account that runs PostgreSQL cannot get
/// there.
///
/// As root PostgreSQL runs as another user; a project below a closed folder such as root's home is out of its
/// reach, and then a folder below `/var/lib/eventboard` stands in, always the same for the same `preferred`. The
/// functions of this crate apply this by themselves; it is public for telling people where their data is.
#[must_use]
pub fn usable_data_dir(preferred: &Path) -> PathBuf {
    let preferred = std::path::absolute(preferred).unwrap_or_else(|_| preferred.to_owned());
    match Account::of_server() {
        Ok(account) if !is_reachable(account, &preferred) => stand_in(&preferred),
        _ => preferred,
    }
}

/// [`usable_data_dir`] with a line that tells of a folder that stands in.
pub(crate) fn announced_data_dir(preferred: &Path) -> PathBuf {
    let usable = usable_data_dir(preferred);
    if usable.starts_with(SYSTEM_FOLDER) && !preferred.starts_with(SYSTEM_FOLDER) {
        crate::progress::tell(&format!(
            "{} is out of reach for the user that PostgreSQL runs as; using {}",
            preferred.display(),
            usable.display()
        ));
    }
    usable
}

/// The folder for temporary clusters: the system's, unless it is closed to the server's account.
pub(crate) fn temporary_folder(account: Account) -> PathBuf {
    let own = std::env::temp_dir();
    let candidates = [own.clone(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    candidates.into_iter().find(|folder| account.can_enter(folder)).unwrap_or(own)
}

/// A new folder in `parent` that only the server's account gets into, removed when dropped.
pub(crate) fn create_private(account: Account, parent: &Path, prefix: &str) -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let folder = builder.prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(parent);
    let folder = folder.with_context(|| format!("could not create a folder in {}", parent.display()))?;
    account.give(folder.path())?;
    Ok(folder)
}

/// Creates `folder` and what is missing above it, open enough for the server's account to pass.
pub(crate) fn create_passable(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_passable(parent)?;
    }
    let failed = || format!("could not create the folder {}", folder.display());
    match fs::create_dir(folder) {
        // Another process was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.with_context(failed),
    }?;
    // Under root a restrictive umask would lock the account out.
    if Account::of_server()? != Account::Ourselves {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).with_context(failed)?;
    }
    Ok(())
}

/// Whether the account gets to the nearest folder that exists; what is below it we create ourselves.
fn is_reachable(account: Account, folder: &Path) -> bool {
    if account == Account::Ourselves {
        return true;
    }
    let parents = folder.ancestors().skip(1);
    parents.into_iter().find(|parent| parent.is_dir()).is_none_or(|parent| account.can_enter(parent))
}

fn stand_in(preferred: &Path) -> PathBuf {
    let name = preferred.file_name().unwrap_or_default().to_string_lossy();
    let hash = fnv1a(preferred.as_os_str().as_encoded_bytes());
    Path::new(SYSTEM_FOLDER).join(format!("{name}-{hash:016x}"))
}

/// A hash that is the same in every build, which the standard library's does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_is_stable_and_differs_by_project() {
        let first = stand_in(Path::new("/root/one/.eventboard/postgres"));
        assert_eq!(first, Path::new("/var/lib/eventboard/postgres-eb521867a4078d96"));
        assert_ne!(first, stand_in(Path::new("/root/two/.eventboard/postgres")));
    }

    #[test]
    fn a_reachable_folder_is_used_as_it_is() -> Result<()> {
        let folder = temporary_folder(Account::of_server()?).join("eventboard-not-created/postgres");
        assert_eq!(usable_data_dir(&folder), folder);
        assert_eq!(usable_data_dir(&usable_data_dir(&folder)), folder);
        Ok(())
    }

    #[test]
    fn a_folder_below_a_closed_one_gets_a_stand_in_for_another_account() -> Result<()> {
        let closed = tempfile::tempdir()?;
        fs::set_permissions(closed.path(), Permissions::from_mode(0o700))?;
        let preferred = closed.path().join("project/postgres");
        let is_moved = usable_data_dir(&preferred) != preferred;
        // A folder closed to everyone but us hinders exactly when the server runs as somebody else.
        assert_eq!(is_moved, Account::of_server()? != Account::Ourselves);
        Ok(())
    }
}
