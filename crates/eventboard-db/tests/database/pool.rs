//! Tests of the pool, the enums, the configuration, and services that migrate the same database at once.

use std::{str::FromStr, time::Duration};

use eventboard_chassis::{
    config::{Env, read},
    error::ErrorCode,
    fairness::Client,
    server::Deadline,
};
use eventboard_db::{AsText, Database, DatabaseConfig, db_error};
use eventboard_domain::{EventStatus, HistoryAction, Role, SortBy, SortOrder, StringEnum};
use eventboard_testing::{TestDatabase, dedicated_cluster};
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use uuid::Uuid;

fn config(url: &str, variables: &[(&str, &str)]) -> DatabaseConfig {
    let url = [("DATABASE_URL".to_owned(), url.to_owned())];
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    read(variables.chain(url).collect(), |env: &mut Env| DatabaseConfig::from_env(env, "tests")).unwrap()
}

async fn open(url: &str, variables: &[(&str, &str)]) -> Database {
    let database = Database::open(config(url, variables));
    database.prepare().await.unwrap();
    database
}

fn organization() -> Client {
    Client::Organization(Uuid::now_v7())
}

fn deadline_in_one_minute() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

async fn setting(connection: &mut PgConnection, name: &'static str) -> String {
    let show = AssertSqlSafe(format!("show {name}"));
    sqlx::query_scalar(show).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn acquire_fails_until_the_schema_is_up_to_date() {
    let test = TestDatabase::create().await;
    let database = Database::open(config(test.service_url(), &[]));
    assert_eq!(database.acquire(Client::Service).await.err().unwrap().code(), ErrorCode::Unavailable);
    database.prepare().await.unwrap();
    assert!(database.acquire(Client::Service).await.is_ok());
}

#[tokio::test]
async fn a_call_is_refused_after_the_acquire_timeout_or_at_once_when_the_queue_is_full() {
    let test = TestDatabase::create().await;
    let short_timeout = [
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_MAX_WAITING", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT", "200ms"),
    ];
    let database = open(test.service_url(), &short_timeout).await;

    let lease = database.acquire(Client::Service).await.unwrap();
    assert_eq!(database.acquire(Client::Service).await.err().unwrap().code(), ErrorCode::Overloaded);
    drop(lease);
    assert!(database.acquire(Client::Service).await.is_ok());

    let long_timeout = [
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_MAX_WAITING", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
    ];
    let database = open(test.service_url(), &long_timeout).await;
    let _lease = database.acquire(Client::Service).await.unwrap();
    tokio::select! {
        biased;
        _ = database.acquire(Client::Service) => panic!("the only connection is in use"),
        refused = database.acquire(Client::Service) => assert_eq!(refused.err().unwrap().code(), ErrorCode::Overloaded),
    }
}

#[tokio::test]
async fn a_busy_organization_leaves_connections_and_places_in_the_queue_to_others() {
    let test = TestDatabase::create().await;
    let limits = [
        ("DATABASE_MAX_CONNECTIONS", "2"),
        ("DATABASE_MAX_WAITING", "4"),
        ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
    ];
    let database = open(test.service_url(), &limits).await;
    let (busy, other) = (organization(), organization());
    database.acquire(other).await.unwrap().release();

    // The busy organization gets one of the two connections, and half of the queue: it may use four permits and places.
    let lease = database.acquire(busy).await.unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(database.acquire(busy))).collect();
    for call in &mut waiting {
        assert!(futures::poll!(call).is_pending());
    }
    let refused = database.acquire(busy).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::Overloaded);
    assert!(refused.message().starts_with("Your organization"), "{}", refused.message());

    let mut reserved = database.acquire(other).await.unwrap();
    assert_eq!(setting(&mut reserved, "application_name").await, "tests");
    drop(lease);
    assert!(waiting.remove(0).await.is_ok(), "the queue of the busy organization goes on");
}

#[tokio::test]
async fn an_organization_with_a_long_queue_does_not_delay_the_calls_of_another() {
    let test = TestDatabase::create().await;
    let one = [("DATABASE_MAX_CONNECTIONS", "1"), ("DATABASE_ACQUIRE_TIMEOUT", "2s")];
    let database = open(test.service_url(), &one).await;
    let (busy, other) = (organization(), organization());
    let lease = database.acquire(busy).await.unwrap();
    let mut queue: Vec<_> = (0..50).map(|_| Box::pin(database.acquire(busy))).collect();
    for call in &mut queue {
        assert!(futures::poll!(call).is_pending());
    }
    let mut victim = Box::pin(database.acquire(other));
    assert!(futures::poll!(&mut victim).is_pending());

    lease.release();
    queue.remove(0).await.unwrap().release();
    assert!(victim.await.is_ok(), "its turn is after one call of the busy organization, not after fifty");
}

#[tokio::test]
async fn connections_have_timeouts_and_a_transaction_shortens_its_statement_timeout() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[]).await;
    let mut lease = database.acquire(Client::Service).await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "10s");
    assert_eq!(setting(&mut lease, "idle_in_transaction_session_timeout").await, "2s");
    assert_eq!(setting(&mut lease, "application_name").await, "tests");

    let mut transaction = lease.begin(Deadline::after(Duration::from_millis(1500))).await.unwrap();
    let shortened = setting(&mut transaction, "statement_timeout").await;
    assert!(shortened.ends_with("ms"), "{shortened}");
    transaction.commit().await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "10s");

    let passed = lease.begin(Deadline::after(Duration::ZERO)).await;
    assert_eq!(passed.err().unwrap().code(), ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn behind_a_pooler_each_transaction_sets_the_timeouts() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[("DATABASE_PGBOUNCER", "true")]).await;
    let mut lease = database.acquire(Client::Service).await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "0");
    let mut transaction = lease.begin(deadline_in_one_minute()).await.unwrap();
    assert_eq!(setting(&mut transaction, "idle_in_transaction_session_timeout").await, "2s");
    assert_ne!(setting(&mut transaction, "statement_timeout").await, "0");
}

#[tokio::test]
async fn a_statement_timeout_is_reported_as_deadline_exceeded() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[]).await;
    let mut lease = database.acquire(Client::Service).await.unwrap();
    let mut transaction = lease.begin(Deadline::after(Duration::from_millis(100))).await.unwrap();
    let error = sqlx::query("select pg_sleep(60)").execute(&mut *transaction).await.unwrap_err();
    assert_eq!(db_error(error).code(), ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn the_transaction_of_an_abandoned_begin_does_not_reach_the_next_call() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let mut abandoned = 0;
    while abandoned < 20 {
        let mut lease = database.acquire(Client::Service).await.unwrap();
        {
            // Sends `begin` and drops the future before the response is read, unless the response arrives before
            // that.
            let begin = std::pin::pin!(lease.begin(deadline_in_one_minute()));
            abandoned += usize::from(futures::poll!(begin).is_pending());
        }
        drop(lease);
        let mut next = database.acquire(Client::Service).await.unwrap();
        assert_eq!(setting(&mut next, "statement_timeout").await, "10s");
    }
}

#[tokio::test]
async fn an_abandoned_statement_is_ended_and_its_connection_is_replaced() {
    let test = TestDatabase::create().await;
    let one = [("DATABASE_MAX_CONNECTIONS", "1"), ("DATABASE_ACQUIRE_TIMEOUT", "2s")];
    let database = open(test.service_url(), &one).await;
    let mut lease = database.acquire(Client::Service).await.unwrap();
    let endless = sqlx::query("select pg_sleep(3600)").execute(&mut *lease);
    assert!(tokio::time::timeout(Duration::from_millis(100), endless).await.is_err());
    drop(lease);

    assert!(
        database.acquire(Client::Service).await.is_ok(),
        "the permit of the abandoned connection is free"
    );
    let running =
        "select count(*) from pg_stat_activity where query = 'select pg_sleep(3600)' and state = 'active'";
    let mut other = test.connect().await;
    while sqlx::query_scalar::<_, i64>(running).fetch_one(&mut other).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_locks_of_a_frozen_process_are_released() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[]).await;
    let mut frozen = database.acquire(Client::Service).await.unwrap();
    let mut transaction = frozen.begin(deadline_in_one_minute()).await.unwrap();
    sqlx::query(r#"lock table "Event""#).execute(&mut *transaction).await.unwrap();

    // The session above stays idle in its transaction, as if the process were frozen. The session below waits for the
    // lock until PostgreSQL ends the idle session.
    let mut other = test.connect().await;
    sqlx::query(r#"select count(*) from "Event""#).execute(&mut other).await.unwrap();

    let error = transaction.commit().await.unwrap_err();
    assert_eq!(db_error(error).code(), ErrorCode::Unavailable);
}

#[tokio::test]
async fn connections_that_the_network_dropped_silently_are_replaced() {
    let test = TestDatabase::create().await;
    let network = SilentProxy::start(test.url()).await;
    let database = open(&network.url, &[]).await;
    for lease in
        [database.acquire(Client::Service).await.unwrap(), database.acquire(Client::Service).await.unwrap()]
    {
        lease.release();
    }
    network.drop_connections();
    // This is longer than a connection may be idle without being pinged before the next use.
    tokio::time::sleep(Duration::from_millis(600)).await;

    let lease = tokio::time::timeout(Duration::from_secs(30), database.acquire(Client::Service)).await;
    let mut lease = lease.expect("acquire does not wait for a lost connection").unwrap();
    assert_eq!(setting(&mut lease, "application_name").await, "tests");
}

/// A proxy between client and server that can drop connections silently: it then discards all data and does not close
/// the connections.
struct SilentProxy {
    url: String,
    dropped: watch::Sender<()>,
}

impl SilentProxy {
    async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = PgConnectOptions::from_str(url).unwrap().get_port();
        let port = listener.local_addr().unwrap().port();
        let dropped = watch::Sender::new(());
        let proxy =
            Self { url: url.replace(&format!(":{server}/"), &format!(":{port}/")), dropped: dropped.clone() };
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut dropped = dropped.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = dropped.changed() => std::future::pending().await,
                    }
                });
            }
        });
        proxy
    }

    fn drop_connections(&self) {
        self.dropped.send_replace(());
    }
}

#[tokio::test]
async fn every_enum_value_round_trips_through_the_database() {
    let test = TestDatabase::create().await;
    let mut connection = test.connect().await;
    assert_values_round_trip::<Role>(&mut connection, r#"select $1::text::"Role"::text"#).await;
    assert_values_round_trip::<EventStatus>(&mut connection, r#"select $1::text::"EventStatus"::text"#).await;
    assert_values_round_trip::<HistoryAction>(&mut connection, "select $1").await;
    assert_values_round_trip::<SortBy>(&mut connection, "select $1").await;
    assert_values_round_trip::<SortOrder>(&mut connection, "select $1").await;

    let unknown = sqlx::query_scalar::<_, AsText<Role>>("select 'OWNER'").fetch_one(&mut connection).await;
    assert!(unknown.unwrap_err().to_string().contains("must be one of USER, MODERATOR, ADMIN"));
}

async fn assert_values_round_trip<T>(connection: &mut PgConnection, echo: &'static str)
where
    T: StringEnum + std::fmt::Debug + Unpin,
{
    for value in T::ALL {
        let query = sqlx::query_scalar::<_, AsText<T>>(echo).bind(AsText(*value));
        let echoed = query.fetch_one(&mut *connection).await.unwrap();
        assert_eq!(echoed, AsText(*value), "{}", T::NAME);
    }
}

/// Returns the strings of an enum, in declaration order.
fn strings_of<T: StringEnum>() -> Vec<String> {
    T::ALL.iter().map(|value| value.as_str().to_owned()).collect()
}

#[tokio::test]
async fn the_schema_has_the_enum_values_of_the_domain_in_the_same_order() {
    let test = TestDatabase::create().await;
    let database = open(test.service_url(), &[]).await;
    let mut lease = database.acquire(Client::Service).await.unwrap();
    for (name, expected) in
        [(Role::NAME, strings_of::<Role>()), (EventStatus::NAME, strings_of::<EventStatus>())]
    {
        let labels: Vec<String> = sqlx::query_scalar(
            "select enumlabel::text from pg_enum join pg_type on pg_type.oid = enumtypid where typname = $1
            order by enumsortorder",
        )
        .bind(name)
        .fetch_all(&mut *lease)
        .await
        .unwrap();
        assert_eq!(labels, expected, "{name}");
    }
    let mut allowed: Vec<String> = sqlx::query_scalar(
        r"select word[1] from pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g') word
        where conname = 'event_history_action'",
    )
    .fetch_all(&mut *lease)
    .await
    .unwrap();
    let mut actions = strings_of::<HistoryAction>();
    allowed.sort_unstable();
    actions.sort_unstable();
    assert_eq!(allowed, actions, "{}", HistoryAction::NAME);
}

#[tokio::test]
async fn the_pool_recovers_after_a_restart_of_the_database() {
    let (mut cluster, test) = dedicated_cluster().await;
    let database = open(test.service_url(), &[("DATABASE_ACQUIRE_TIMEOUT", "200ms")]).await;
    drop(database.acquire(Client::Service).await.unwrap());

    cluster.stop_fast().await.unwrap();
    // A connection that died a moment ago may be leased without a ping. It then fails during the statement.
    let refused = match database.acquire(Client::Service).await {
        Ok(mut lease) => db_error(sqlx::query("select 1").execute(&mut *lease).await.unwrap_err()),
        Err(refused) => refused,
    };
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    assert_eq!(database.acquire(Client::Service).await.err().unwrap().code(), ErrorCode::Unavailable);

    cluster.start_again().await.unwrap();
    let mut lease = database.acquire(Client::Service).await.unwrap();
    assert_eq!(setting(&mut lease, "application_name").await, "tests");
}

#[tokio::test]
async fn several_processes_can_migrate_concurrently_and_a_repeated_migration_changes_nothing() {
    let (cluster, _) = dedicated_cluster().await;
    cluster.create_database("fresh").await.unwrap();
    let config = config(&cluster.url("fresh"), &[]);
    let migrations = (0..5).map(|_| crate::migrate(&config));
    futures::future::try_join_all(migrations).await.unwrap();
    crate::migrate(&config).await.unwrap();
}

/// Returns the error of a service with a new database with this locale.
async fn refusal_of_locale(locale: &'static str) -> String {
    let test = TestDatabase::create().await;
    let mut admin = test.connect().await;
    let (server, name) = test.url().rsplit_once('/').unwrap();
    let name = format!("{name}_locale");
    let create = format!("create database {name} template template0 encoding 'UTF8' {locale}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();

    let database = Database::open(config(&format!("{server}/{name}"), &[]));
    format!("{:#}", database.prepare().await.unwrap_err())
}

#[tokio::test]
async fn a_database_that_knows_only_the_letters_of_ascii_is_rejected() {
    let refused = refusal_of_locale("locale 'C'").await;
    assert!(refused.contains("locale C"), "{refused}");
    let refused = refusal_of_locale("locale_provider icu icu_locale 'en' locale 'C'").await;
    assert!(refused.contains("LC_CTYPE C"), "{refused}");
}

#[test]
fn the_error_for_an_invalid_url_does_not_contain_the_password() {
    for url in [
        "invalid://user:s3cret@host",
        "postgres://user:s3cret@host:port/db",
        "postgres://user:12/s3cret@host/db",
        "postgres://user:12?s3cret@host/db",
        "postgres://user:12#s3cret@host/db",
        "postgres://user:a@12/s3cret@host/db",
        "postgres://user:12#s3cret",
        "postgres://user@host/db?sslmode=s3cret",
        "s3cret",
    ] {
        for variable in ["DATABASE_URL", "MIGRATE_DATABASE_URL"] {
            let env = [(variable.to_owned(), url.to_owned())].into_iter().collect();
            let error = read(env, |env| DatabaseConfig::from_env(env, "tests")).expect_err(url).to_string();
            assert!(error.contains(&format!("{variable} must be a URL")), "{error}");
            assert!(!error.contains("s3cret") && !error.contains("12"), "{error}");
        }
    }
}

#[test]
fn the_log_does_not_contain_the_parameters_of_a_url() {
    struct Forbidden;
    impl tracing::Subscriber for Forbidden {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            panic!("it was logged: {event:?}");
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    tracing::subscriber::with_default(Forbidden, || config("postgres://user@host/db?passwrd=s3cret", &[]));
}

#[test]
fn the_debug_output_of_the_settings_does_not_contain_the_password() {
    let config = config("postgres://user:s3cret@host/eventboard_db", &[]);
    assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
}
