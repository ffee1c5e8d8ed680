//! The configuration of a private PostgreSQL server.

use std::path::PathBuf;

/// The configuration of a private PostgreSQL server.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The data folder. It is created on first use; see [`usable_data_dir`](crate::usable_data_dir).
    pub data_dir: PathBuf,
    /// The preferred TCP port. If it is `None` or not free, any free port is used.
    pub port: Option<u16>,
    /// Whether the data survives a crash of the machine. A server that is not durable is much faster.
    pub durable: bool,
    /// The name of the superuser. It is defined when the data folder is created.
    pub superuser: String,
    /// The superuser's password. It is defined when the data folder is created.
    pub password: String,
    /// Additional server settings by name, for example `max_connections`. They override all other settings.
    pub settings: Vec<(String, String)>,
}

impl ClusterConfig {
    /// Configures a durable server in `data_dir` with the given superuser, on any free port.
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
