//! Chooses and creates folders that the server's account can access.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::account::Account;

/// The parent folder of all fallback folders.
const FALLBACK_PARENT: &str = "/var/lib/eventboard";

/// Returns `preferred` as an absolute path, or a fallback folder if the account that runs PostgreSQL has no access to
/// `preferred`.
///
/// If this process is root, PostgreSQL runs as another user. That user cannot access a project in a private folder
/// such as root's home. The fallback is a folder in `/var/lib/eventboard`. It is always the same folder for the same
/// `preferred`. This crate calls the function itself. It is public so that programs can show their users where the
/// data is.
#[must_use]
pub fn usable_data_dir(preferred: &Path) -> PathBuf {
    let preferred = std::path::absolute(preferred).unwrap_or_else(|_| preferred.to_owned());
    match Account::of_server() {
        Ok(account) if !is_accessible(account, &preferred) => fallback_dir(&preferred),
        _ => preferred,
    }
}

/// Like [`usable_data_dir`], but reports the use of a fallback folder.
pub(crate) fn usable_data_dir_with_notice(preferred: &Path) -> PathBuf {
    let usable = usable_data_dir(preferred);
    if usable.starts_with(FALLBACK_PARENT) && !preferred.starts_with(FALLBACK_PARENT) {
        crate::progress::report(&format!(
            "The user that PostgreSQL runs as cannot access {}; using {} instead",
            preferred.display(),
            usable.display()
        ));
    }
    usable
}

/// The parent folder for temporary servers: the system's temporary folder, or another one if the server's account
/// cannot enter it.
pub(crate) fn temporary_parent(account: Account) -> PathBuf {
    let default = std::env::temp_dir();
    let candidates = [default.clone(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    candidates.into_iter().find(|folder| account.can_enter(folder)).unwrap_or(default)
}

/// Creates a new folder in `parent` that only the server's account can enter. The folder is removed when the result
/// is dropped.
pub(crate) fn create_private(account: Account, parent: &Path, prefix: &str) -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let folder = builder.prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(parent);
    let folder = folder.with_context(|| format!("could not create a folder in {}", parent.display()))?;
    account.take_ownership(folder.path())?;
    Ok(folder)
}

/// Creates `folder` and its missing parents, with permissions that let the server's account enter them.
pub(crate) fn create_accessible(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_accessible(parent)?;
    }
    let failed = || format!("could not create the folder {}", folder.display());
    match fs::create_dir(folder) {
        // Another process has created the folder in the meantime.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.with_context(failed),
    }?;
    // If this process is root, a restrictive umask would deny access to the server's account.
    if Account::of_server()? != Account::Current {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).with_context(failed)?;
    }
    Ok(())
}

/// Whether the account can enter the nearest existing parent. This process creates all folders below that parent.
fn is_accessible(account: Account, folder: &Path) -> bool {
    if account == Account::Current {
        return true;
    }
    let parents = folder.ancestors().skip(1);
    parents.into_iter().find(|parent| parent.is_dir()).is_none_or(|parent| account.can_enter(parent))
}

fn fallback_dir(preferred: &Path) -> PathBuf {
    let name = preferred.file_name().unwrap_or_default().to_string_lossy();
    let hash = fnv1a(preferred.as_os_str().as_encoded_bytes());
    Path::new(FALLBACK_PARENT).join(format!("{name}-{hash:016x}"))
}

/// A hash that is the same in every build. The standard library's hash does not guarantee that.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_folder_is_stable_and_differs_by_project() {
        let first = fallback_dir(Path::new("/root/one/.eventboard/postgres"));
        assert_eq!(first, Path::new("/var/lib/eventboard/postgres-eb521867a4078d96"));
        assert_ne!(first, fallback_dir(Path::new("/root/two/.eventboard/postgres")));
    }

    #[test]
    fn an_accessible_folder_is_used_unchanged() -> Result<()> {
        let folder = temporary_parent(Account::of_server()?).join("eventboard-not-created/postgres");
        assert_eq!(usable_data_dir(&folder), folder);
        assert_eq!(usable_data_dir(&usable_data_dir(&folder)), folder);
        Ok(())
    }

    #[test]
    fn a_folder_that_the_server_account_cannot_access_is_replaced_by_a_fallback() -> Result<()> {
        let private = tempfile::tempdir()?;
        fs::set_permissions(private.path(), Permissions::from_mode(0o700))?;
        let preferred = private.path().join("project/postgres");
        let is_replaced = usable_data_dir(&preferred) != preferred;
        // Only a server that runs as another user has no access to our private folder.
        assert_eq!(is_replaced, Account::of_server()? != Account::Current);
        Ok(())
    }
}
