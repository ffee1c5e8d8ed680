//! Starts a PostgreSQL server and waits until this process is killed. The server keeps its data if a folder is given
//! as argument; otherwise it is temporary. Tests kill this process to check what remains after that.

use std::{future::pending, path::PathBuf};

use private_postgres::{Cluster, ClusterConfig, find_binaries};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let binaries = find_binaries(&std::env::temp_dir().join("eventboard-postgres")).await?;
    let cluster = match std::env::args_os().nth(1).map(PathBuf::from) {
        None => Cluster::temporary(&binaries).await?,
        Some(folder) => Cluster::start(&binaries, &ClusterConfig::new(folder, "owner", "secret")).await?,
    };
    println!("owns {} {}", cluster.port(), cluster.data_dir().display());
    pending::<()>().await;
    Ok(())
}
