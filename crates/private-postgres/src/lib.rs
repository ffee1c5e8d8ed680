//! Finds PostgreSQL server binaries and runs a private server, for development, tests and small installations.
//!
//! From a PostgreSQL installation, only the programs `initdb` and `postgres` are used. Servers and data that are
//! already on the machine are never touched. [`find_binaries`] locates the binaries, [`Cluster::start`] runs a server
//! whose data is kept, and [`Cluster::temporary`] runs a server whose data is removed when it ends:
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
//! A server never outlives the process that started it, even if that process is killed. A small shell process, the
//! `supervisor`, reads from a pipe whose write end only the starting process holds. When that process ends, the pipe
//! closes, and the supervisor shuts the server down.

mod account;
mod binaries;
mod cluster;
mod config;
mod connection;
mod download;
mod finder;
mod folders;
mod initdb;
mod port;
mod postmaster;
mod progress;
mod search;
mod server_log;
mod settings;
mod supervisor;
mod version;

pub use binaries::{Binaries, Origin};
pub use cluster::Cluster;
pub use config::ClusterConfig;
pub use finder::{find_binaries, find_binaries_or_use};
pub use folders::usable_data_dir;
pub use postmaster::running_port;
pub use version::{OLDEST_MAJOR, Version};
