//! A checkout of the project as an operator would have it, and the stacks that run from it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use eventboard_e2e::{
    Actor, Anonymous,
    runbook::pages,
    shell::{CommandResult, bash, bash_on_terminal},
    wait_until,
};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::document::{Block, blocks};

const DATABASE: &str = "postgres://eventboard:eventboard_dev_password@localhost:5432/eventboard_db";

/// The development stack's command, without its arguments.
pub(crate) const COMPOSE: &str = "docker-compose -f docker-compose.microservices.yml";

/// A checkout in a temporary folder.
pub(crate) struct Installation {
    folder: PathBuf,
    _parent: TempDir,
}

impl Installation {
    /// Copies the project into a new repository in a folder called `eventboard`, because docker-compose uses the
    /// folder name in container names.
    pub(crate) async fn unpack() -> Self {
        let parent = TempDir::with_prefix("eventboard-runbook-").unwrap();
        let folder = parent.path().join("eventboard");
        std::fs::create_dir(&folder).unwrap();
        let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let copy = format!(
            "git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- | tar -x -C '{}'",
            folder.display()
        );
        bash(&project, &copy, &[]).await.success();
        if let Ok(dockerfile) = std::env::var("DOCKERFILE") {
            std::fs::copy(dockerfile, folder.join("Dockerfile")).unwrap();
        }
        let commit = "git init --quiet && git add --all &&
            git -c user.name=operator -c user.email=operator@localhost commit --quiet --message=Installed";
        bash(&folder, commit, &[]).await.success();
        Self { folder, _parent: parent }
    }

    /// The runnable blocks of the runbook, page by page.
    pub(crate) fn runbook(&self) -> Vec<Block> {
        let blocks = blocks(&pages(&self.folder));
        assert!(blocks.len() > 30, "the runbook has only {} runnable blocks", blocks.len());
        blocks
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// Runs lines of bash in the root folder of the checkout and asserts that they succeed.
    pub(crate) async fn sh(&self, lines: &str) -> String {
        self.run(lines).await.success()
    }

    /// Runs lines of bash in the root folder of the checkout.
    pub(crate) async fn run(&self, lines: &str) -> CommandResult {
        bash(&self.folder, lines, &variables()).await
    }

    /// Like [`run`](Self::run), but on a terminal.
    pub(crate) async fn on_terminal(&self, lines: &str, limit: Option<Duration>) -> CommandResult {
        bash_on_terminal(&self.folder, lines, &variables(), limit).await
    }

    /// Runs `docker-compose` on the development stack.
    pub(crate) async fn compose(&self, arguments: &str) -> String {
        self.sh(&format!("{COMPOSE} {arguments}")).await
    }

    /// Runs one statement with psql. The rows are unaligned and have no headers.
    pub(crate) async fn psql(&self, statement: &str) -> String {
        let quoted = statement.replace('\'', r"'\''");
        let lines =
            format!("docker exec eventboard-postgres psql -U eventboard -d eventboard_db -At -c '{quoted}'");
        self.sh(&lines).await.trim().to_owned()
    }

    /// A connection to the development stack's database.
    pub(crate) async fn database(&self) -> PgConnection {
        PgConnection::connect(DATABASE).await.unwrap()
    }

    /// Waits until the gateway reports that the system is healthy, and returns how long that took.
    pub(crate) async fn wait_until_healthy(&self) -> Duration {
        let began = Instant::now();
        wait_until("the system is healthy", async || {
            self.status("http://localhost:3000/health").await == "200"
        })
        .await;
        began.elapsed()
    }

    /// The status of a GET request, or 000 if there is no response.
    pub(crate) async fn status(&self, url: &str) -> String {
        let lines = format!("curl -s -o /dev/null -w '%{{http_code}}' --max-time 15 {url} || true");
        self.sh(&lines).await
    }

    /// The ids of the running containers of a service.
    pub(crate) async fn containers(&self, service: &str) -> Vec<String> {
        self.compose(&format!("ps -q {service}")).await.lines().map(str::to_owned).collect()
    }

    /// The log lines of containers, which must all be JSON objects.
    pub(crate) async fn logged(&self, containers: &[String]) -> Vec<Value> {
        let mut lines = Vec::new();
        for container in containers {
            let text = self.sh(&format!("docker logs {container}")).await;
            lines.extend(
                text.lines()
                    .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))),
            );
        }
        lines
    }

    /// Removes every container, volume and network of both stacks.
    pub(crate) async fn remove_everything(&self) {
        let stub = "POSTGRES_PASSWORD=x DATABASE_PASSWORD=x JWT_SECRET=x TLS_CERTIFICATE_DIR=./x";
        self.sh(&format!("{stub} docker-compose -f docker-compose.prod.yml down -v --remove-orphans")).await;
        self.compose("down -v --remove-orphans").await;
        // The networks are removed explicitly, because one version of docker-compose does not remove the networks
        // that the other version created.
        let networks = "eventboard eventboard-production-backend eventboard-production-edge";
        self.sh(&format!("docker network rm {networks} || true")).await;
    }
}

/// The environment variables of every command.
fn variables() -> Vec<(&'static str, String)> {
    let version = std::env::var("POSTGRES_VERSION").unwrap_or_else(|_| "15".to_owned());
    // Both versions of docker-compose can use this builder, so they share its cache.
    vec![("POSTGRES_VERSION", version), ("DOCKER_BUILDKIT", "0".to_owned())]
}

/// The address of the development stack's gateway.
pub(crate) fn gateway() -> SocketAddr {
    "127.0.0.1:3000".parse().unwrap()
}

/// A demo user, logged in.
pub(crate) async fn demo_user(email: &str) -> Actor {
    let anonymous = Anonymous::at(gateway());
    let session = anonymous.login(&email.into(), "Password123!").await.expect(200);
    Actor::new(anonymous, &session.body)
}
