//! What the scenarios share: the binaries, a row of figures, and a look at sockets.

mod report;
mod socket;

pub(crate) use eventboard_e2e::cluster::{Cluster, Replica, Size, backend_variables, free_port};
use eventboard_e2e::{binaries, cluster::Binaries};

pub(crate) use self::{report::Row, socket::has_port};

pub(crate) const BINARIES: Binaries = binaries!();
