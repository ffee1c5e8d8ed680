//! The mistakes of operators: what `kubectl` shows, and that the old pods keep serving.

use std::time::Duration;

use crate::{cluster::Cluster, faults::Allowed, report::Report};

/// The limit for the time in which `kubectl` shows the mistake. A crash loop needs two crashes.
const SHOWN_LIMIT: Duration = Duration::from_secs(120);

/// A mistake, what it shows, and how to correct it.
struct Mistake {
    name: &'static str,
    make: &'static str,
    /// What the new pod waits for, one of these.
    shows: &'static [&'static str],
    /// A command whose output explains the mistake, with POD for the name of the pod.
    explain: &'static str,
    explanation: &'static str,
    correct: &'static str,
}

const MISTAKES: [Mistake; 5] = [
    Mistake {
        name: "a missing image",
        make: "kubectl -n eventboard set image deployment/events-service events-service=eventboard/events-service:0.0.0",
        shows: &["ErrImagePull", "ImagePullBackOff"],
        explain: "describe pod POD",
        explanation: "eventboard/events-service:0.0.0",
        correct: "kubectl apply -f k8s/31-events-service.yaml",
    },
    Mistake {
        name: "a missing Secret",
        make: "kubectl -n eventboard delete secret eventboard-database-demonstration
               kubectl -n eventboard rollout restart deployment/events-service",
        shows: &["CreateContainerConfigError"],
        explain: "describe pod POD",
        explanation: r#"secret "eventboard-database-demonstration" not found"#,
        correct: "kubectl apply -f k8s/11-demonstration-secrets.yaml",
    },
    Mistake {
        name: "a wrong password of the operator",
        make: "kubectl -n eventboard create secret generic eventboard-database-admin \
                   --from-literal=MIGRATE_DATABASE_URL=postgres://eventboard:wrong@postgres:5432/eventboard_db
               kubectl -n eventboard rollout restart deployment/events-service",
        shows: &["CrashLoopBackOff", "Error"],
        explain: "logs POD -c migrate",
        explanation: "password authentication failed",
        correct: "kubectl -n eventboard delete secret eventboard-database-admin",
    },
    Mistake {
        name: "an invalid value",
        make: "kubectl -n eventboard patch secret eventboard -p '{\"stringData\":{\"DRAIN_GRACE\":\"soon\"}}'
               kubectl -n eventboard rollout restart deployment/events-service",
        shows: &["CrashLoopBackOff", "Error"],
        explain: "logs POD",
        explanation: "configuration error",
        correct: "kubectl -n eventboard patch secret eventboard --type=json -p '[{\"op\":\"remove\",\"path\":\"/data/DRAIN_GRACE\"}]'",
    },
    Mistake {
        name: "too little memory",
        make: "kubectl -n eventboard set resources deployment/events-service --containers=events-service --requests=memory=1Mi --limits=memory=1Mi",
        shows: &["OOMKilled", "CrashLoopBackOff", "RunContainerError", "StartError"],
        explain: "describe pod POD",
        explanation: "OOM",
        correct: "kubectl apply -f k8s/31-events-service.yaml",
    },
];

pub(crate) async fn rows(report: &mut Report, cluster: &Cluster) {
    for mistake in &MISTAKES {
        let name = format!("{} is shown, and fails no request", mistake.name);
        report.long_row(&name, check(cluster, mistake)).await;
    }
}

async fn check(cluster: &Cluster, mistake: &Mistake) -> String {
    let mut shown = String::new();
    let fault = async {
        cluster.sh(mistake.make).await;
        let (pod, reason) = cluster
            .wait_for("a pod shows the mistake", SHOWN_LIMIT, async || {
                let pods = cluster.pods_of("events-service").await;
                pods.into_iter().find_map(|pod| {
                    let is_shown = |reason: &String| mistake.shows.contains(&reason.as_str());
                    let reason = pod.reasons.iter().find(|reason| is_shown(reason))?.clone();
                    Some((pod.name, reason))
                })
            })
            .await;
        shown = reason;
        let explain = mistake.explain.replace("POD", &pod);
        cluster
            .wait_for("the command explains the mistake", SHOWN_LIMIT, async || {
                let explained = cluster.run(&format!("kubectl -n eventboard {explain}")).await.output;
                explained.contains(mistake.explanation).then_some(())
            })
            .await;
        cluster.sh(mistake.correct).await;
        cluster.kubectl("rollout restart deployment/events-service").await;
        cluster.kubectl("rollout status deployment/events-service --timeout=5m").await;
    };
    let figures = cluster.under_load(mistake.name, Allowed::Failures(0), fault).await;
    format!("{shown}; {figures}")
}
