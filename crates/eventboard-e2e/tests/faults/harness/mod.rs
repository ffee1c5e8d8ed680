//! Shared code for the scenarios: the service binaries, the result table, clients that attack and their victims, and
//! socket inspection.

mod attack;
pub(crate) mod http1;
pub(crate) mod http2;
mod labels;
mod report;
mod socket;
mod victim;

pub(crate) use eventboard_e2e::cluster::{Cluster, Replica, Size, backend_variables, free_port};
use eventboard_e2e::{binaries, cluster::Binaries};

pub(crate) use self::{
    attack::{Answers, Attack, attacker, flood, get_request, post_request, request_with_body},
    report::Row,
    socket::has_local_port,
    victim::{Figures, Victim},
};

pub(crate) const BINARIES: Binaries = binaries!();
