//! Changes secrets of the production installation with the commands of the runbook.

use eventboard_e2e::runbook::block;

use crate::{cluster::Cluster, faults::Allowed, report::Report};

const PAGE: &str = "kubernetes.md";
const SECTION: &str = "Secrets";

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.long_row("production: a rotation of JWT_SECRET logs nobody out", jwt_secret(cluster)).await;
    report
        .long_row(
            "production: a new database password of the services fails no request",
            database_password(cluster),
        )
        .await;
    report
        .long_row(
            "production: a new database password of the operator fails no request",
            operator_password(cluster),
        )
        .await;
}

/// The users of the load keep the tokens that were signed with the first secret.
async fn jwt_secret(cluster: &Cluster) -> String {
    let rotate = async {
        for step in ["echo \"JWT_SECRET_PREVIOUS=", "-e 's/^swap="] {
            let function = block(PAGE, SECTION, "apply_secret() {");
            cluster.sh(&format!("{function}{}", block(PAGE, SECTION, step))).await;
        }
    };
    cluster.under_load("rotation of JWT_SECRET", Allowed::Failures(0), rotate).await
}

async fn database_password(cluster: &Cluster) -> String {
    let change = async {
        cluster.sh(&block(PAGE, SECTION, "s/^DATABASE_PASSWORD=")).await;
        for service in ["auth-service", "events-service", "notification-service"] {
            cluster.kubectl(&format!("rollout status deployment/{service} --timeout=5m")).await;
        }
    };
    cluster.under_load("new database password of the services", Allowed::Failures(0), change).await
}

/// The next rollout shows that the new pods migrate with the new password.
async fn operator_password(cluster: &Cluster) -> String {
    let change = async {
        cluster.sh(&block(PAGE, SECTION, "ALTER USER eventboard")).await;
        cluster.kubectl("rollout restart deployment/auth-service").await;
        cluster.kubectl("rollout status deployment/auth-service --timeout=5m").await;
    };
    cluster.under_load("new database password of the operator", Allowed::Failures(0), change).await
}
