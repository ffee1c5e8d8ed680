//! The account that PostgreSQL runs as: ours, or an unprivileged one when we are root, which PostgreSQL refuses.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// What of our environment the server sees: how to find programs and libraries, and neither our secrets nor
/// variables such as `PGDATA` and `PGPORT` that would change its behaviour.
const INHERITED: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOCALE_ARCHIVE"];

/// The owner of the server's processes and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// This process is unprivileged already.
    Ourselves,
    /// This process is root and hands over to this account.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The account for the server; an error when we are root and the system knows no account to step down to.
    pub(crate) fn of_server() -> Result<Self> {
        static FOUND: OnceLock<Option<Account>> = OnceLock::new();
        match FOUND.get_or_init(find) {
            Some(account) => Ok(*account),
            None => bail!(
                "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as; \
                 run as an unprivileged user"
            ),
        }
    }

    /// `program` as this account, with a minimal environment and no terminal or pipe of ours.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C.UTF-8");
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // Our own folder may be closed to the account, which programs complain about.
        command.current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes the account the owner of `path`.
    pub(crate) fn give(self, path: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .with_context(|| format!("could not hand {} over to user {uid}", path.display())),
        }
    }

    /// Whether the account can enter `folder`, tried rather than computed, since more than mode bits may decide.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        let mut attempt = self.command("/bin/sh");
        attempt.args(["-c", r#"cd -- "$0""#]).arg(folder);
        attempt.status().is_ok_and(|status| status.success())
    }
}

fn find() -> Option<Account> {
    if id(&["-u"])? != 0 {
        return Some(Account::Ourselves);
    }
    ["postgres", "nobody"].iter().find_map(|name| {
        let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
        Some(Account::Other { uid, gid })
    })
}

/// A number of `id`, which knows every source of accounts and not only `/etc/passwd`.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stdin(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
