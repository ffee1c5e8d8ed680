//! The folder that holds what `eventboard` keeps: the private cluster, and a downloaded server.

use std::{
    fs::{self, File, Permissions, TryLockError},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use anyhow::{Context, bail};
use eventboard_chassis::config::Env;
use private_postgres::{Cluster, ClusterConfig, find_binaries, running_port};

use crate::progress;

const FOLDER: &str = ".eventboard";

const DATABASE: &str = "eventboard_db";
const SUPERUSER: &str = "eventboard";
/// The server listens on the loopback addresses only.
const PASSWORD: &str = "eventboard_dev_password";

/// Where clients of PostgreSQL look for it.
const USUAL_PORT: u16 = 5432;

/// The folder; it need not exist yet.
pub(crate) struct Home(PathBuf);

impl Home {
    /// `EVENTBOARD_HOME`, else the nearest `.eventboard` upwards, else one in the current folder.
    pub(crate) fn from_env(env: &Env) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let existing = || here.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.is_dir());
        let chosen = env.get("EVENTBOARD_HOME").map(PathBuf::from);
        Self(chosen.or_else(existing).unwrap_or_else(|| here.join(FOLDER)))
    }

    /// The database of the private cluster that runs now, whoever started it.
    pub(crate) fn running_database(&self) -> Option<String> {
        running_port(&self.data_dir())
            .map(|port| format!("postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"))
    }

    /// Makes this process the only one that runs the system from here, for as long as the file is open.
    pub(crate) fn occupy(&self) -> anyhow::Result<File> {
        self.create()?;
        let path = self.0.join("up.lock");
        let failed = || format!("{} cannot be locked", path.display());
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("`eventboard up` is already running on {}", self.0.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(failed),
        }
    }

    /// Starts the private cluster with an (at first empty) database, on the usual port if that is free.
    pub(crate) async fn start_cluster(&self) -> anyhow::Result<(Cluster, String)> {
        let binaries = find_binaries(&self.0.join("postgres-bin")).await?;
        progress::tell(&format!("Starting PostgreSQL {}", binaries.version));
        let config = ClusterConfig {
            port: Some(USUAL_PORT),
            ..ClusterConfig::new(self.data_dir(), SUPERUSER, PASSWORD)
        };
        let cluster = Cluster::start(&binaries, &config).await?;
        cluster.create_database(DATABASE).await?;
        let url = cluster.url(DATABASE);
        Ok((cluster, url))
    }

    fn data_dir(&self) -> PathBuf {
        self.0.join("postgres")
    }

    fn create(&self) -> anyhow::Result<()> {
        if self.0.is_dir() {
            return Ok(());
        }
        let failed = || format!("the folder {} cannot be created", self.0.display());
        fs::create_dir_all(&self.0).with_context(failed)?;
        // Started by root, PostgreSQL runs as another user, who has to get through whatever the umask.
        fs::set_permissions(&self.0, Permissions::from_mode(0o755)).with_context(failed)
    }
}
