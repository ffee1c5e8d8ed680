//! The PostgreSQL server for a run.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use private_postgres::{Cluster, ClusterConfig, find_binaries};
use tempfile::TempDir;
use uuid::Uuid;

/// Typical settings for a server of this size. They prevent a checkpoint during a phase.
const SETTINGS: [(&str, &str); 5] = [
    ("max_connections", "120"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
    ("log_checkpoints", "off"),
];

/// A running server and its folder.
pub(crate) struct DatabaseServer {
    folder: TempDir,
    cluster: Cluster,
    pgbench: PathBuf,
}

/// The properties of the server that a run needs.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pid: u32,
    /// The path of `pgbench` next to the server's binaries, if it is installed.
    pub(crate) pgbench: Option<PathBuf>,
    /// The folder for log files.
    pub(crate) folder: PathBuf,
}

impl DatabaseServer {
    pub(crate) async fn start() -> Self {
        let binaries = find_binaries(&std::env::temp_dir().join("eventboard-postgres")).await.unwrap();
        // If this process is root, the server runs as another user. That user must be able to enter the folder.
        let accessible = fs::Permissions::from_mode(0o755);
        let folder =
            tempfile::Builder::new().prefix("eventboard-bench-").permissions(accessible).tempdir().unwrap();
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let config = ClusterConfig::new(folder.path().join("data"), "postgres", Uuid::new_v4().to_string());
        let cluster =
            Cluster::start(&binaries, &ClusterConfig { durable: true, settings, ..config }).await.unwrap();
        cluster.create_database("eventboard_db").await.unwrap();
        Self { folder, cluster, pgbench: binaries.dir.join("pgbench") }
    }

    pub(crate) fn database(&self) -> Database {
        let postmaster = fs::read_to_string(self.cluster.data_dir().join("postmaster.pid")).unwrap();
        Database {
            url: self.cluster.url("eventboard_db"),
            pid: postmaster.lines().next().unwrap().parse().unwrap(),
            pgbench: Some(self.pgbench.clone()).filter(|program| program.exists()),
            folder: self.folder.path().to_owned(),
        }
    }

    pub(crate) async fn remove(self) {
        self.cluster.stop().await.unwrap();
        self.folder.close().unwrap();
    }
}
