//! The home folder of `eventboard`: it contains the private PostgreSQL and the downloaded server binaries.

use std::{
    fs::{self, File, Permissions, TryLockError},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use anyhow::{Context, bail};
use eventboard_chassis::config::Env;
use private_postgres::{Cluster, ClusterConfig, find_binaries_or_use, running_port};

use crate::progress;

const FOLDER_NAME: &str = ".eventboard";

const DATABASE: &str = "eventboard_db";
const SUPERUSER: &str = "eventboard";
/// The password may be public, because the server listens on the loopback addresses only.
const PASSWORD: &str = "eventboard_dev_password";

/// The port that PostgreSQL clients use by default.
const DEFAULT_PORT: u16 = 5432;

/// The home folder, which need not exist yet, and the folder of the server binaries if the operator chose one.
pub(crate) struct Home {
    folder: PathBuf,
    server_binaries: Option<PathBuf>,
}

impl Home {
    /// Reads `EVENTBOARD_HOME` (default: the first folder `.eventboard` in the current folder or above it, otherwise
    /// `.eventboard` in the current folder) and `EVENTBOARD_PG_BIN` (default: binaries are searched).
    pub(crate) fn from_env(env: &mut Env) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let existing =
            || here.ancestors().map(|folder| folder.join(FOLDER_NAME)).find(|folder| folder.is_dir());
        let chosen = env.get("EVENTBOARD_HOME").map(PathBuf::from);
        Self {
            folder: chosen.or_else(existing).unwrap_or_else(|| here.join(FOLDER_NAME)),
            server_binaries: env.get("EVENTBOARD_PG_BIN").map(PathBuf::from),
        }
    }

    /// The database URL of the private PostgreSQL if it is running, no matter which process started it.
    pub(crate) fn running_database_url(&self) -> Option<String> {
        running_port(&self.data_dir())
            .map(|port| format!("postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"))
    }

    /// The folder for mails that go to no server. A path that is not UTF-8 cannot be a setting, so it is approximated.
    pub(crate) fn mail_folder(&self) -> String {
        self.folder.join("mail").to_string_lossy().into_owned()
    }

    /// Locks the folder, so that only one process runs the system from it. Closing the file releases the lock.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        self.create_folder()?;
        let path = self.folder.join("up.lock");
        let failed = || format!("{} cannot be locked", path.display());
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("`eventboard up` is already running on {}", self.folder.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(failed),
        }
    }

    /// Starts the private PostgreSQL and creates its database, on the default port if it is free.
    pub(crate) async fn start_cluster(&self) -> anyhow::Result<(Cluster, String)> {
        let binaries =
            find_binaries_or_use(self.server_binaries.clone(), &self.folder.join("postgres-bin")).await?;
        progress::report(&format!("Starting PostgreSQL {}", binaries.version));
        let config = ClusterConfig {
            port: Some(DEFAULT_PORT),
            ..ClusterConfig::new(self.data_dir(), SUPERUSER, PASSWORD)
        };
        let cluster = Cluster::start(&binaries, &config).await?;
        cluster.create_database(DATABASE).await?;
        let url = cluster.url(DATABASE);
        Ok((cluster, url))
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    fn create_folder(&self) -> anyhow::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let failed = || format!("the folder {} cannot be created", self.folder.display());
        fs::create_dir_all(&self.folder).with_context(failed)?;
        // If this process is root, PostgreSQL runs as another user. That user must be able to enter the folder even
        // if the umask is restrictive.
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755)).with_context(failed)
    }
}
