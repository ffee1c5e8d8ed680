//! A running service with its own database and some mails to send.

use std::{collections::BTreeMap, time::Duration};

use eventboard_chassis::{
    config::{self, Env},
    shutdown::Shutdown,
};
use eventboard_testing::TestDatabase;
use notification_service::Config;
use sqlx::{FromRow, PgConnection};
use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

/// An organization with an owner, a moderator and the owner's event, which the moderator rejected and then approved.
const FIXTURE: &str = r#"
    insert into "Organization" (id, name, slug)
    values ('00000000-0000-0000-0000-000000000001', 'Acme <b>&</b> Söhne', 'acme');
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
    select id::uuid, '00000000-0000-0000-0000-000000000001', email, first, last, role::"Role", '$argon2id$'
    from (values
        ('00000000-0000-0000-0000-000000000002', 'Olga@Example.org', 'Olga', 'Owner', 'USER'),
        ('00000000-0000-0000-0000-000000000003', 'max@example.org', 'Max', 'Moderator', 'MODERATOR')
    ) users (id, email, first, last, role);
    insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate", status,
        "createdAt", "updatedAt")
    values ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000001',
        '00000000-0000-0000-0000-000000000002', 'Autumn hackathon', 'A description', now(), now() + interval '1 hour',
        'APPROVED', now(), now());
    insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", reason)
    values ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000001',
        '00000000-0000-0000-0000-000000000003', 'REJECT', 'SUBMITTED', 'REJECTED', E'The room is taken.\nTry <i>Friday</i>.'),
        ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000001',
        '00000000-0000-0000-0000-000000000003', 'APPROVE', 'SUBMITTED', 'APPROVED', null);
"#;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A database with the fixture, and no mails.
pub(crate) struct Outbox {
    pub(crate) database: TestDatabase,
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) error: Option<String>,
}

impl Outbox {
    pub(crate) async fn create() -> Self {
        Self::create_in(TestDatabase::create().await).await
    }

    /// Writes the fixture to this database.
    pub(crate) async fn create_in(database: TestDatabase) -> Self {
        let outbox = Self { database };
        outbox.execute(FIXTURE).await;
        outbox
    }

    /// Writes mails of one kind to the owner. Returns their ids.
    pub(crate) async fn write(&self, kind: &str, number: i64) -> Vec<Uuid> {
        let insert = r#"
            insert into "Outbox" (id, kind, "organizationId", "recipientId", "historyId", "correlationId")
            select gen_random_uuid(), $1, '00000000-0000-0000-0000-000000000001',
                '00000000-0000-0000-0000-000000000002',
                (select id from "EventHistory" where 'EVENT_' || "toStatus"::text = $1), 'a-request'
            from generate_series(1, $2)
            returning id
        "#;
        sqlx::query_scalar(insert).bind(kind).bind(number).fetch_all(&mut self.connect().await).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }

    pub(crate) async fn execute(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut self.connect().await).await.unwrap();
    }

    pub(crate) async fn rows(&self) -> Vec<Row> {
        let rows = r#"select state, attempts, "lastError" as error from "Outbox" order by id"#;
        sqlx::query_as(rows).fetch_all(&mut self.connect().await).await.unwrap()
    }

    /// Waits until no row is as it was written, or leased for the first time.
    pub(crate) async fn wait_until_attempted(&self) -> Vec<Row> {
        self.wait_for_rows(|rows| rows.iter().all(|row| row.state != "DUE" || row.error.is_some())).await
    }

    /// Waits until the rows are as expected. Fails when a service has obviously not started.
    pub(crate) async fn wait_for_rows(&self, is_expected: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let waiting = async {
            loop {
                let rows = self.rows().await;
                if is_expected(&rows) {
                    return rows;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the rows are as expected")
    }

    /// The variables of a service that uses this database.
    pub(crate) fn variables(&self, extra: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = [
            ("DATABASE_URL", self.database.service_url()),
            ("DATABASE_MAX_CONNECTIONS", "4"),
            ("HOST", "127.0.0.1"),
            ("NOTIFICATION_SERVICE_PORT", "0"),
            ("METRICS_PORT", "0"),
            ("MAIL_FROM", "EventBoard <board@example.org>"),
        ];
        own.iter().chain(extra).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

/// A service in this process.
pub(crate) struct Service {
    shutdown: Shutdown,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Service {
    pub(crate) async fn start(outbox: &Outbox, variables: &[(&str, &str)]) -> Self {
        let env: Env = outbox.variables(variables).into_iter().collect();
        let config = config::read(env, Config::from_env).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = Shutdown::new();
        let running = tokio::spawn(notification_service::run(config, listener, shutdown.clone()));
        Self { shutdown, running }
    }

    /// Stops the service and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.shutdown.begin(Duration::ZERO).await;
        self.running.await.unwrap().unwrap();
    }
}
