//! The PostgreSQL of a run.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use private_postgres::{Cluster, ClusterConfig, find_binaries};
use tempfile::TempDir;
use uuid::Uuid;

/// As a server of this size would have it, and no checkpoint in the middle of a phase.
const SETTINGS: [(&str, &str); 5] = [
    ("max_connections", "120"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
    ("log_checkpoints", "off"),
];

/// A folder with a running server in it.
pub(crate) struct Place {
    folder: TempDir,
    cluster: Cluster,
    pgbench: PathBuf,
}

/// What a run has to know of the server.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pid: u32,
    /// The load generator beside the server's binaries, where it is installed.
    pub(crate) pgbench: Option<PathBuf>,
    /// For logs.
    pub(crate) folder: PathBuf,
}

impl Place {
    pub(crate) async fn start() -> Self {
        let binaries = find_binaries(&std::env::temp_dir().join("eventboard-postgres")).await.unwrap();
        // Under root the server has an account of its own, which must get through.
        let passable = fs::Permissions::from_mode(0o755);
        let folder =
            tempfile::Builder::new().prefix("eventboard-bench-").permissions(passable).tempdir().unwrap();
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
