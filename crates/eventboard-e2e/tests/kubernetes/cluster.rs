//! The cluster: commands that run on it, its pods and its database.

use std::{
    cell::RefCell,
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use eventboard_e2e::{
    Anonymous, files,
    shell::{CommandResult, bash},
};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

/// The host name in k8s/50-ingress.yaml.
pub(crate) const HOST: &str = "eventboard.example.org";

/// The services of EventBoard, in the order in which the runbook replaces them.
pub(crate) const SERVICES: [&str; 4] =
    ["auth-service", "events-service", "notification-service", "api-gateway"];

/// The pause between two looks at the cluster. `kubectl` needs much CPU time to start.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The number of gateways that the autoscaler allows.
const MAX_GATEWAYS: usize = 4;

/// The time limit for commands. The longest are rollouts.
const COMMAND_LIMIT: Duration = Duration::from_secs(400);

/// The cluster that `KUBECONFIG` names.
pub(crate) struct Cluster {
    /// The address of the ingress controller.
    pub(crate) ingress: SocketAddr,
    /// The folder in which commands run. It contains copies of k8s/ and deploy/, which commands may change, and the
    /// files with secrets.
    folder: TempDir,
    /// The rows of the table of faults.
    measured: RefCell<String>,
}

/// A pod of the namespace `eventboard`.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    /// The value of the label `app.kubernetes.io/name`.
    pub(crate) app: String,
    pub(crate) node: String,
    pub(crate) address: String,
    pub(crate) is_ready: bool,
    pub(crate) is_terminating: bool,
    /// The restarts of its containers, without the init containers.
    pub(crate) restarts: u64,
    pub(crate) uid: String,
    /// Why its containers wait or have ended.
    pub(crate) reasons: Vec<String>,
}

/// A connection to the database through `kubectl port-forward`, which ends with it.
pub(crate) struct Database {
    pub(crate) connection: PgConnection,
    _forwarder: Child,
}

impl Cluster {
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        variable("KUBECONFIG");
        let ingress = variable("INGRESS").parse().expect("INGRESS is an IP address and a port");
        let folder = tempfile::tempdir().unwrap();
        for name in ["k8s", "deploy"] {
            let status = std::process::Command::new("cp")
                .arg("-r")
                .arg(files::root().join(name))
                .arg(folder.path())
                .status();
            assert!(status.unwrap().success());
        }
        Self { ingress, folder, measured: RefCell::default() }
    }

    /// Runs lines of bash and asserts that they succeed. Returns the standard output and the standard error.
    pub(crate) async fn sh(&self, lines: &str) -> String {
        self.run(lines).await.success()
    }

    /// Runs lines of bash.
    pub(crate) async fn run(&self, lines: &str) -> CommandResult {
        let result = timeout(COMMAND_LIMIT, Box::pin(bash(self.folder.path(), lines, &[]))).await;
        result.unwrap_or_else(|_| panic!("not within {COMMAND_LIMIT:?}: {lines}"))
    }

    /// Runs `kubectl` in the namespace `eventboard`.
    pub(crate) async fn kubectl(&self, arguments: &str) -> String {
        self.sh(&format!("kubectl -n eventboard {arguments}")).await
    }

    /// Whether the namespace `eventboard` exists.
    pub(crate) async fn is_installed(&self) -> bool {
        !self.sh("kubectl get namespace eventboard --ignore-not-found").await.is_empty()
    }

    /// Objects of the namespace `eventboard`.
    pub(crate) async fn objects(&self, kinds: &str) -> Vec<Value> {
        let list = self.kubectl(&format!("get {kinds} -o json 2>/dev/null")).await;
        let list: Value = serde_json::from_str(&list).unwrap_or_else(|error| panic!("{error}: {list}"));
        list["items"].as_array().unwrap().clone()
    }

    /// All pods of the namespace `eventboard`.
    pub(crate) async fn pods(&self) -> Vec<Pod> {
        self.objects("pods").await.iter().map(Pod::new).collect()
    }

    /// The pods of a service, or of PostgreSQL.
    pub(crate) async fn pods_of(&self, app: &str) -> Vec<Pod> {
        self.pods().await.into_iter().filter(|pod| pod.app == app).collect()
    }

    /// Repeats a check until it returns a value.
    pub(crate) async fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut poll: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            assert!(began.elapsed() < limit, "not within {limit:?}: {what}\n{}", self.status().await);
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until every Deployment has the pods that it requests, all pods are ready and none stops.
    pub(crate) async fn wait_until_settled(&self) {
        self.wait_for("all pods are ready", Duration::from_secs(240), async || {
            let objects = self.objects("deployments,pods").await;
            let (deployments, pods): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|object| object["kind"] == "Deployment");
            let pods: Vec<_> = pods.iter().map(Pod::new).collect();
            let has_requested_pods = |deployment: &Value| {
                let count = pods.iter().filter(|pod| deployment["metadata"]["name"] == *pod.app).count();
                deployment["spec"]["replicas"] == count
                    && deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
            };
            let are_ready = pods.iter().all(|pod| pod.is_ready && !pod.is_terminating);
            (are_ready && deployments.iter().all(has_requested_pods)).then_some(())
        })
        .await;
    }

    /// Waits until the gateways report several times in a row that the system is healthy. The ingress controller asks them
    /// in turn. After an outage this can take as long as DNS answers are cached.
    pub(crate) async fn wait_until_healthy(&self) {
        let anonymous = Anonymous::behind_proxy(self.ingress, HOST);
        self.wait_for("the system is healthy", Duration::from_secs(120), async || {
            for _ in 0..MAX_GATEWAYS {
                if anonymous.get("/health").await.status != 200 {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// A connection to the database as its operator.
    pub(crate) async fn database(&self) -> Database {
        let password = self
            .sh("password() { kubectl -n eventboard get secret $1 -o jsonpath={.data.POSTGRES_PASSWORD} 2>/dev/null; }
                (password eventboard-database-admin || password eventboard-database-admin-demonstration) | base64 -d")
            .await;
        self.connect("eventboard", "pod/postgres-0", &password).await
    }

    /// A connection to the PostgreSQL of a pod or a Service, as its operator.
    pub(crate) async fn connect(&self, namespace: &str, target: &str, password: &str) -> Database {
        let mut forwarder = Command::new("kubectl")
            .args(["-n", namespace, "port-forward", target, ":5432"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(forwarder.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("a forwarded port");
        let port = line
            .strip_prefix("Forwarding from 127.0.0.1:")
            .and_then(|rest| rest.split_once(' '))
            .unwrap_or_else(|| panic!("no port: {line}"))
            .0;
        let url = format!("postgres://eventboard:{password}@127.0.0.1:{port}/eventboard_db");
        Database { connection: PgConnection::connect(&url).await.unwrap(), _forwarder: forwarder }
    }

    /// Adds a row to the table of faults, and prints it.
    pub(crate) fn add_measured(&self, row: &str) {
        println!("        {row}");
        *self.measured.borrow_mut() += &format!("{row}\n");
    }

    /// The rows of the table of faults.
    pub(crate) fn measured(&self) -> String {
        self.measured.borrow().clone()
    }

    /// What `kubectl` shows, for the message of a failed check.
    async fn status(&self) -> String {
        self.run("kubectl -n eventboard get pods -o wide; kubectl -n eventboard get events --sort-by=.lastTimestamp | tail -n 20")
            .await
            .output
    }
}

impl Pod {
    fn new(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let status = &object["status"];
        let is_true = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        let containers: Vec<_> = ["initContainerStatuses", "containerStatuses"]
            .iter()
            .flat_map(|kind| status[*kind].as_array().into_iter().flatten())
            .collect();
        let reasons = containers.iter().flat_map(|container| {
            let (state, last) = (&container["state"], &container["lastState"]);
            [&state["waiting"], &state["terminated"], &last["terminated"]].map(|state| text(&state["reason"]))
        });
        Self {
            name: text(&metadata["name"]),
            app: text(&metadata["labels"]["app.kubernetes.io/name"]),
            node: text(&object["spec"]["nodeName"]),
            address: text(&status["podIP"]),
            is_ready: status["conditions"]
                .as_array()
                .is_some_and(|conditions| conditions.iter().any(is_true)),
            is_terminating: !metadata["deletionTimestamp"].is_null(),
            restarts: status["containerStatuses"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|container| container["restartCount"].as_u64())
                .sum(),
            uid: text(&metadata["uid"]),
            reasons: reasons.filter(|reason| !reason.is_empty()).collect(),
        }
    }
}
