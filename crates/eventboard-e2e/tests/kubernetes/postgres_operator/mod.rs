//! PostgreSQL beyond one pod. Runs every command in docs/kubernetes.md on a cluster that has the operator, and injects
//! faults into PostgreSQL under load.

mod figures;
mod installation;
mod operator;
mod page;
mod scenarios;

use self::{figures::Figures, installation::Installation};
use crate::{cluster::Cluster, report::Report};

/// The sections of the page that move the data of an installation to the operator's PostgreSQL.
const MOVE: [&str; 4] =
    ["1. Create the database", "2. Copy the data", "3. Configure the services", "4. Remove the old database"];

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    let (installation, figures) = (Installation::new(cluster), Figures::default());
    let name = "the data moves to the operator's PostgreSQL, and users stay signed in";
    report.row(name, moved(&installation)).await;
    let name = "if the primary is killed, a replica takes over, and no acknowledged write is lost";
    report.row(name, scenarios::primary_killed(&installation, &figures)).await;
    let name = "a switchover loses no acknowledged write";
    report.row(name, scenarios::switchover(&installation, &figures)).await;
    let name = "a minor update of PostgreSQL loses no acknowledged write";
    report.row(name, scenarios::minor_update(&installation, &figures)).await;
    let name = "a restore to a point in time has the writes before it, and none after it";
    report.row(name, scenarios::restore(&installation)).await;
    let name = "if the primary's node is lost, a replica takes over, and no acknowledged write is lost";
    report.row(name, scenarios::node_lost(&installation, &figures)).await;
    figures.publish();
}

async fn moved(installation: &Installation<'_>) -> String {
    installation.install().await;
    let witness = installation.sign_up_with_an_event().await;
    for heading in MOVE {
        installation.page.run(heading).await;
    }
    installation.cluster.wait_until_healthy().await;
    installation.page.run("Failover").await;
    installation.assert_has_event(&witness).await;
    String::new()
}
