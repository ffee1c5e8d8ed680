//! The load bench: measures the real system, a bare system without its features, and the database alone, alternately
//! on one machine in one run. README.md describes how to run it.
#![expect(clippy::unwrap_used, reason = "an unexpected error ends the bench")]

mod bare;
mod cases;
mod client;
mod cluster;
mod collector;
mod generated;
mod pgbench;
mod plan;
mod processes;
mod report;
mod seed;
mod usage;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};
use uuid::Uuid;

use self::{cases::Case, client::Timing, cluster::DatabaseServer};

/// Measures EventBoard and compares it with a bare program that does the same work.
#[derive(Parser)]
struct Arguments {
    /// Use at most 100,000 events and short phases.
    #[arg(long)]
    quick: bool,
    /// Measure only these cases.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Case>,
    /// Create and measure only organizations of these sizes.
    #[arg(long, value_delimiter = ',')]
    size: Vec<u32>,
    /// Measure only lists and searches, in this number of events from `eventboard seed --events`.
    #[arg(long, conflicts_with_all = ["only", "size"])]
    events: Option<u32>,
    /// Measure lists and searches in this database, in which `eventboard seed --events` has been run. The server must run
    /// on this machine, and the role be a superuser.
    #[arg(long, conflicts_with_all = ["only", "size", "events"])]
    database: Option<String>,
    /// The number of organizations that the events are in.
    #[arg(long, requires = "events", default_value_t = 2)]
    organizations: u32,
    /// Passed by cargo to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The role of this program when it starts itself as a child process.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    BareGateway { listen: SocketAddr, service: SocketAddr },
    #[command(hide = true)]
    Collector { listen: SocketAddr },
    #[command(hide = true)]
    BareService { listen: SocketAddr, organization: Uuid, user: Uuid },
}

impl Arguments {
    fn sizes(&self) -> Vec<u32> {
        match (&self.size[..], self.quick) {
            ([], true) => vec![1_000, 100_000],
            ([], false) => vec![1_000, 100_000, 1_000_000],
            (chosen, _) => chosen.to_vec(),
        }
    }

    fn timing(&self) -> Timing {
        let (warm_up, measured) = if self.quick { (1, 3) } else { (2, 10) };
        Timing { warm_up: Duration::from_secs(warm_up), measured: Duration::from_secs(measured) }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.role {
        None => {
            // The client uses only one thread, so that the other cores are available to the measured processes.
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(bench(arguments))
        }
        Some(role) => {
            runtime::Runtime::new().unwrap().block_on(async {
                match role {
                    Role::BareGateway { listen, service } => bare::serve_gateway(listen, service).await,
                    Role::Collector { listen } => collector::serve(listen).await,
                    Role::BareService { listen, organization, user } => {
                        bare::serve_service(listen, organization, user).await;
                    }
                }
            });
            ExitCode::SUCCESS
        }
    }
}

/// Performs a run. Even if the run fails, all processes are stopped and the folder is removed.
async fn bench(arguments: Arguments) -> ExitCode {
    let server = match &arguments.database {
        None => DatabaseServer::start().await,
        Some(url) => DatabaseServer::existing(url.clone()).await,
    };
    let database = server.database().await;
    let mut run = tokio::spawn(async move { plan::run(&arguments, &database).await });
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).unwrap(), signal(SignalKind::terminate()).unwrap());
    let ended = tokio::select! {
        ended = &mut run => ended,
        _ = interrupt.recv() => { run.abort(); run.await }
        _ = terminate.recv() => { run.abort(); run.await }
    };
    server.remove().await;
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
