//! What the operator reports about a PostgreSQL that it runs.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Cluster, Database};

/// The time limit for the operator to repair a PostgreSQL.
const REPAIR_LIMIT: Duration = Duration::from_secs(300);

const INSTANCES: u64 = 3;

/// A PostgreSQL that the operator runs: an object of the kind `Cluster`.
pub(crate) struct Postgres<'c> {
    cluster: &'c Cluster,
    pub(crate) name: &'static str,
}

impl<'c> Postgres<'c> {
    pub(crate) fn new(cluster: &'c Cluster, name: &'static str) -> Self {
        Self { cluster, name }
    }

    async fn kubectl(&self, arguments: &str) -> String {
        self.cluster.sh(&format!("kubectl -n eventboard-database {arguments}")).await
    }

    async fn status(&self) -> Value {
        let object = self.kubectl(&format!("get cluster {} -o json", self.name)).await;
        serde_json::from_str::<Value>(&object).unwrap()["status"].take()
    }

    /// The pod of the primary.
    pub(crate) async fn primary(&self) -> String {
        self.status().await["currentPrimary"].as_str().unwrap().to_owned()
    }

    /// The node of a pod.
    pub(crate) async fn node_of(&self, pod: &str) -> String {
        self.kubectl(&format!("get pod {pod} -o jsonpath={{.spec.nodeName}}")).await
    }

    /// Deletes a pod without time to stop.
    pub(crate) async fn kill(&self, pod: &str) {
        self.kubectl(&format!("delete pod {pod} --grace-period=1 --wait=false")).await;
    }

    /// Waits until another pod is the primary.
    pub(crate) async fn wait_for_another_primary(&self, old: &str) {
        self.cluster
            .wait_for("another primary", REPAIR_LIMIT, async || (self.primary().await != old).then_some(()))
            .await;
    }

    /// Waits until all instances work and the operator has nothing left to do.
    pub(crate) async fn wait_until_repaired(&self) {
        self.cluster
            .wait_for("all instances work", REPAIR_LIMIT, async || {
                let status = self.status().await;
                let is_settled = status["phase"] == "Cluster in healthy state"
                    && status["currentPrimary"] == status["targetPrimary"];
                (is_settled && status["readyInstances"] == INSTANCES).then_some(())
            })
            .await;
    }

    /// Makes another instance the primary.
    pub(crate) async fn promote_another(&self) {
        let old = self.primary().await;
        let name = self.name;
        let replica = self
            .kubectl(&format!(
                "get pods -l cnpg.io/cluster={name},cnpg.io/instanceRole=replica -o jsonpath={{.items[0].metadata.name}}"
            ))
            .await;
        self.kubectl(&format!("cnpg promote {name} {replica}")).await;
        self.wait_for_another_primary(&old).await;
        self.wait_until_repaired().await;
    }

    /// A connection to the primary as the owner of the database.
    pub(crate) async fn connect(&self) -> Database {
        let secret = "get secret eventboard-owner -o go-template='{{.data.password | base64decode}}'";
        let password = self.kubectl(secret).await;
        let service = format!("service/{}-rw", self.name);
        Box::pin(self.cluster.connect("eventboard-database", &service, &password)).await
    }
}
