//! What a cluster is made of.

use std::path::PathBuf;

/// What a cluster is made of.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The data folder; created on first use, see [`usable_data_dir`](crate::usable_data_dir).
    pub data_dir: PathBuf,
    /// The TCP port to listen on if it is free; otherwise, and if None, any free one.
    pub port: Option<u16>,
    /// Whether the data survives a crash of the machine. Without, everything is much faster.
    pub durable: bool,
    /// The name of the superuser; it is fixed when the data folder is created.
    pub superuser: String,
    /// The superuser's password; it is fixed when the data folder is created.
    pub password: String,
    /// More server settings by name, for instance `max_connections`; they override all others.
    pub settings: Vec<(String, String)>,
}

impl ClusterConfig {
    /// A durable cluster in `data_dir` with the given superuser, on any free port.
    pub fn new(
        data_dir: impl Into<PathBuf>,
        superuser: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        Self {
            data_dir: data_dir.into(),
            port: None,
            durable: true,
            superuser: superuser.into(),
            password: password.into(),
            settings: Vec::new(),
        }
    }
}
