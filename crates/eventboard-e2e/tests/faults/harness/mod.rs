//! The system as it runs in production: several replicas of each service, on a PostgreSQL of the scenario's own.

mod cluster;
mod ports;
mod replica;
mod report;
mod socket;

pub(crate) use self::{
    cluster::{Cluster, Size, backend_variables},
    ports::free_port,
    replica::Replica,
    report::Row,
    socket::has_port,
};

pub(crate) const GATEWAY: &str = env!("CARGO_BIN_EXE_e2e-api-gateway");
pub(crate) const AUTH: &str = env!("CARGO_BIN_EXE_e2e-auth-service");
pub(crate) const EVENTS: &str = env!("CARGO_BIN_EXE_e2e-events-service");
