//! Finds PostgreSQL server binaries and runs a private cluster, for development, tests and small installations.
//!
//! Nothing but `initdb` and `postgres` is used of an installation, and nothing of the system's own clusters is
//! touched. [`find_binaries`] says where the server is, [`Cluster::start`] runs one whose data stays, and
//! [`Cluster::temporary`] one that leaves nothing behind:
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let binaries = private_postgres::find_binaries(".eventboard/postgres-bin".as_ref()).await?;
//! let cluster = private_postgres::Cluster::temporary(&binaries).await?;
//! cluster.create_database("eventboard_db").await?;
//! println!("{}", cluster.url("eventboard_db"));
//! cluster.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A cluster never outlives the process that started it, however that process ends: a small shell watches a
//! pipe that only the owner holds, and shuts the server down when the pipe closes (`guard`).

mod account;
mod binaries;
mod cluster;
mod config;
mod connection;
mod download;
mod finder;
mod guard;
mod initdb;
mod place;
mod port;
mod postmaster;
mod progress;
mod search;
mod server_log;
mod settings;
mod version;

pub use binaries::{Binaries, Origin};
pub use cluster::Cluster;
pub use config::ClusterConfig;
pub use finder::find_binaries;
pub use place::usable_data_dir;
pub use postmaster::running_port;
pub use version::{OLDEST_MAJOR, Version};
