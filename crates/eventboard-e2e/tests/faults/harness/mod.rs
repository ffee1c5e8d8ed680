//! Shared code for the scenarios: the service binaries, the result table, and socket inspection.

mod report;
mod socket;

pub(crate) use eventboard_e2e::cluster::{Cluster, Replica, Size, backend_variables, free_port};
use eventboard_e2e::{binaries, cluster::Binaries};

pub(crate) use self::{report::Row, socket::has_local_port};

pub(crate) const BINARIES: Binaries = binaries!();
