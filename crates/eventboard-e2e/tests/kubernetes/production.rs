//! Installs EventBoard with the commands of the runbook for production, in place of the demonstration.

use eventboard_e2e::runbook::block;

use crate::{cluster::Cluster, report::Report};

const PAGE: &str = "kubernetes-install.md";
const SECTION: &str = "Production on Kubernetes";

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    report.long_row("production: the overlay installs without a warning", install(cluster)).await;
}

async fn install(cluster: &Cluster) -> String {
    cluster.sh("kubectl delete namespace eventboard --ignore-not-found").await;
    cluster.sh(&block(PAGE, SECTION, "cp -r")).await;
    // Removes what is not different in this cluster.
    cluster
        .sh("sed -i -e '/^images:/,/^$/d' -e '/^patches:/,$d' deploy/kustomize/site/kustomization.yaml
            mkdir tls
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=eventboard.example.org \
                -keyout tls/privkey.pem -out tls/fullchain.pem")
        .await;
    cluster.sh(&block(PAGE, SECTION, "eventboard-database-admin.env <<END")).await;
    // The clients of the load have one address.
    cluster.sh("echo RATE_LIMIT_ENABLED=false >> deploy/kustomize/site/eventboard.env").await;
    // This machine does not resolve the host name of the example.
    let apply =
        block(PAGE, SECTION, "kubectl apply -k").replace("curl https://events.example.com/health\n", "");
    let output = cluster.sh(&apply).await;
    assert!(!output.contains("Warning"), "{output}");
    assert!(output.ends_with("production\n"), "{output}");
    cluster.wait_until_settled().await;
    cluster.wait_until_healthy().await;
    String::new()
}
