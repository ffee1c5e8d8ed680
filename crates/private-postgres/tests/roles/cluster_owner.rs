//! Owns a cluster until it is killed: a persistent one in the folder that it is given, else a temporary one. The
//! tests of what is left behind by a killed process kill this one.

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
