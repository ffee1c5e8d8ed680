//! The user account that PostgreSQL runs as. PostgreSQL refuses to run as root, so an unprivileged account is used if
//! this process is root.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The variables that the server inherits, because they locate programs and libraries. Others are not passed on,
/// because they may be secrets or, like `PGDATA` and `PGPORT`, would change the server's behavior.
const INHERITED: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOCALE_ARCHIVE"];

/// The owner of the server's processes and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process, which is unprivileged.
    Current,
    /// Another account, because this process runs as root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The account for the server. Fails if this process runs as root and the system has no suitable account.
    pub(crate) fn of_server() -> Result<Self> {
        static ACCOUNT: OnceLock<Option<Account>> = OnceLock::new();
        match ACCOUNT.get_or_init(find) {
            Some(account) => Ok(*account),
            None => bail!(
                "PostgreSQL cannot run as root, and there is neither a user `postgres` nor a user `nobody` to run it \
                 as; run as an unprivileged user"
            ),
        }
    }

    /// A command that runs `program` as this account, with a minimal environment and without the terminal and the
    /// pipes of this process.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C.UTF-8");
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // The account may not have access to our current folder. In that case programs would report an error.
        command.current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes this account the owner of `path`.
    pub(crate) fn take_ownership(self, path: &Path) -> Result<()> {
        match self {
            Self::Current => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .with_context(|| format!("could not change the owner of {} to user {uid}", path.display())),
        }
    }

    /// Whether the account can enter `folder`. The account really tries to enter it, because access depends on more
    /// than the mode bits.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        let mut attempt = self.command("/bin/sh");
        attempt.args(["-c", r#"cd -- "$0""#]).arg(folder);
        attempt.status().is_ok_and(|status| status.success())
    }
}

fn find() -> Option<Account> {
    if id(&["-u"])? != 0 {
        return Some(Account::Current);
    }
    ["postgres", "nobody"].iter().find_map(|name| {
        let (uid, gid) = (id(&["-u", name])?, id(&["-g", name])?);
        Some(Account::Other { uid, gid })
    })
}

/// Runs the program `id`, because it uses all sources of accounts and not only `/etc/passwd`.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stdin(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
