//! The pool and the migrations on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::{str::FromStr, time::Duration};

use eventboard_chassis::{
    config::{Env, read},
    error::ErrorCode,
    server::Deadline,
};
use eventboard_db::{Database, DatabaseConfig, Word, db_error};
use eventboard_domain::{EventStatus, HistoryAction, Role, SortBy, SortOrder, Vocabulary};
use eventboard_testing::{TestDatabase, own_cluster};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

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

fn minute() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

async fn setting(connection: &mut PgConnection, name: &'static str) -> String {
    let show = AssertSqlSafe(format!("show {name}"));
    sqlx::query_scalar(show).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn nothing_is_usable_before_the_schema_is_up_to_date() {
    let test = TestDatabase::create().await;
    let database = Database::open(config(test.url(), &[]));
    assert_eq!(database.acquire().await.err().unwrap().code(), ErrorCode::Unavailable);
    database.prepare().await.unwrap();
    assert!(database.acquire().await.is_ok());
}

#[tokio::test]
async fn a_call_that_finds_no_connection_in_time_is_shed_and_a_full_queue_sheds_at_once() {
    let test = TestDatabase::create().await;
    let small = [
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_MAX_WAITING", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT", "200ms"),
    ];
    let database = open(test.url(), &small).await;

    let lease = database.acquire().await.unwrap();
    assert_eq!(database.acquire().await.err().unwrap().code(), ErrorCode::Overloaded);
    drop(lease);
    assert!(database.acquire().await.is_ok());

    let patient = [
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_MAX_WAITING", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
    ];
    let database = open(test.url(), &patient).await;
    let _lease = database.acquire().await.unwrap();
    tokio::select! {
        biased;
        _ = database.acquire() => panic!("the only connection is taken"),
        refused = database.acquire() => assert_eq!(refused.err().unwrap().code(), ErrorCode::Overloaded),
    }
}

#[tokio::test]
async fn connections_carry_their_timeouts_and_a_transaction_narrows_its_own() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[]).await;
    let mut lease = database.acquire().await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "10s");
    assert_eq!(setting(&mut lease, "idle_in_transaction_session_timeout").await, "2s");
    assert_eq!(setting(&mut lease, "application_name").await, "tests");

    let mut transaction = lease.begin(Deadline::after(Duration::from_millis(1500))).await.unwrap();
    let narrowed = setting(&mut transaction, "statement_timeout").await;
    assert!(narrowed.ends_with("ms"), "{narrowed}");
    transaction.commit().await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "10s");

    let passed = lease.begin(Deadline::after(Duration::ZERO)).await;
    assert_eq!(passed.err().unwrap().code(), ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn behind_a_pooler_the_timeouts_come_with_the_transaction() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[("DATABASE_PGBOUNCER", "true")]).await;
    let mut lease = database.acquire().await.unwrap();
    assert_eq!(setting(&mut lease, "statement_timeout").await, "0");
    let mut transaction = lease.begin(minute()).await.unwrap();
    assert_eq!(setting(&mut transaction, "idle_in_transaction_session_timeout").await, "2s");
    assert_ne!(setting(&mut transaction, "statement_timeout").await, "0");
}

#[tokio::test]
async fn a_statement_that_runs_out_of_time_is_a_passed_deadline() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[]).await;
    let mut lease = database.acquire().await.unwrap();
    let mut transaction = lease.begin(Deadline::after(Duration::from_millis(100))).await.unwrap();
    let error = sqlx::query("select pg_sleep(60)").execute(&mut *transaction).await.unwrap_err();
    assert_eq!(db_error(error).code(), ErrorCode::DeadlineExceeded);
}

#[tokio::test]
async fn what_an_abandoned_begin_began_is_not_given_to_the_next_call() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let mut abandoned = 0;
    while abandoned < 20 {
        let mut lease = database.acquire().await.unwrap();
        {
            // Sent, and dropped before the answer is read; a quick server's answer may be there already.
            let begin = std::pin::pin!(lease.begin(minute()));
            abandoned += usize::from(futures::poll!(begin).is_pending());
        }
        drop(lease);
        let mut next = database.acquire().await.unwrap();
        assert_eq!(setting(&mut next, "statement_timeout").await, "10s");
    }
}

#[tokio::test]
async fn a_statement_whose_caller_is_gone_ends_and_gives_way() {
    let test = TestDatabase::create().await;
    let one = [("DATABASE_MAX_CONNECTIONS", "1"), ("DATABASE_ACQUIRE_TIMEOUT", "2s")];
    let database = open(test.url(), &one).await;
    let mut lease = database.acquire().await.unwrap();
    let endless = sqlx::query("select pg_sleep(3600)").execute(&mut *lease);
    assert!(tokio::time::timeout(Duration::from_millis(100), endless).await.is_err());
    drop(lease);

    assert!(database.acquire().await.is_ok(), "the abandoned connection made room");
    let running =
        "select count(*) from pg_stat_activity where query = 'select pg_sleep(3600)' and state = 'active'";
    let mut other = test.connect().await;
    while sqlx::query_scalar::<_, i64>(running).fetch_one(&mut other).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_locks_of_a_frozen_process_are_freed() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[]).await;
    let mut frozen = database.acquire().await.unwrap();
    let mut transaction = frozen.begin(minute()).await.unwrap();
    sqlx::query(r#"lock table "Event""#).execute(&mut *transaction).await.unwrap();

    // The session of the transaction above does nothing more, as if its process were stopped; this one waits
    // for its lock until PostgreSQL ends that session.
    let mut other = test.connect().await;
    sqlx::query(r#"select count(*) from "Event""#).execute(&mut other).await.unwrap();

    let error = transaction.commit().await.unwrap_err();
    assert_eq!(db_error(error).code(), ErrorCode::Unavailable);
}

#[tokio::test]
async fn connections_that_the_network_has_forgotten_are_replaced() {
    let test = TestDatabase::create().await;
    let network = Network::to(test.url()).await;
    let database = open(&network.url, &[]).await;
    for lease in [database.acquire().await.unwrap(), database.acquire().await.unwrap()] {
        lease.release();
    }
    network.forget_connections();
    // Idle for longer than a connection is trusted without a question.
    tokio::time::sleep(Duration::from_millis(600)).await;

    let lease = tokio::time::timeout(Duration::from_secs(30), database.acquire()).await;
    let mut lease = lease.expect("no call waits for an answer that never comes").unwrap();
    assert_eq!(setting(&mut lease, "application_name").await, "tests");
}

/// A network before the server, which can forget the connections that it carries: what is sent over them is lost, and
/// nobody is told.
struct Network {
    url: String,
    forgotten: watch::Sender<()>,
}

impl Network {
    async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = PgConnectOptions::from_str(url).unwrap().get_port();
        let port = listener.local_addr().unwrap().port();
        let forgotten = watch::Sender::new(());
        let network = Self {
            url: url.replace(&format!(":{server}/"), &format!(":{port}/")),
            forgotten: forgotten.clone(),
        };
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut forgotten = forgotten.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = forgotten.changed() => std::future::pending().await,
                    }
                });
            }
        });
        network
    }

    fn forget_connections(&self) {
        self.forgotten.send_replace(());
    }
}

#[tokio::test]
async fn every_word_of_a_vocabulary_goes_through_the_database_and_back() {
    let test = TestDatabase::create().await;
    let mut connection = test.connect().await;
    assert_words_read_back::<Role>(&mut connection, r#"select $1::text::"Role"::text"#).await;
    assert_words_read_back::<EventStatus>(&mut connection, r#"select $1::text::"EventStatus"::text"#).await;
    assert_words_read_back::<HistoryAction>(&mut connection, "select $1").await;
    assert_words_read_back::<SortBy>(&mut connection, "select $1").await;
    assert_words_read_back::<SortOrder>(&mut connection, "select $1").await;

    let unknown = sqlx::query_scalar::<_, Word<Role>>("select 'OWNER'").fetch_one(&mut connection).await;
    assert!(unknown.unwrap_err().to_string().contains("must be one of USER, MODERATOR, ADMIN"));
}

async fn assert_words_read_back<T>(connection: &mut PgConnection, echo: &'static str)
where
    T: Vocabulary + std::fmt::Debug + Unpin,
{
    for word in T::ALL {
        let echoed = sqlx::query_scalar::<_, Word<T>>(echo).bind(Word(*word)).fetch_one(&mut *connection);
        assert_eq!(echoed.await.unwrap(), Word(*word), "{}", T::NAME);
    }
}

/// The words of a vocabulary, in order.
fn words<T: Vocabulary>() -> Vec<String> {
    T::ALL.iter().map(|word| word.as_str().to_owned()).collect()
}

#[tokio::test]
async fn the_schema_has_the_words_of_the_domain_and_their_order() {
    let test = TestDatabase::create().await;
    let database = open(test.url(), &[]).await;
    let mut lease = database.acquire().await.unwrap();
    for (name, words) in [(Role::NAME, words::<Role>()), (EventStatus::NAME, words::<EventStatus>())] {
        let labels: Vec<String> = sqlx::query_scalar(
            "select enumlabel::text from pg_enum join pg_type on pg_type.oid = enumtypid where typname = $1
            order by enumsortorder",
        )
        .bind(name)
        .fetch_all(&mut *lease)
        .await
        .unwrap();
        assert_eq!(labels, words, "{name}");
    }
    let mut allowed: Vec<String> = sqlx::query_scalar(
        r"select word[1] from pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g') word
        where conname = 'event_history_action'",
    )
    .fetch_all(&mut *lease)
    .await
    .unwrap();
    let mut actions = words::<HistoryAction>();
    allowed.sort_unstable();
    actions.sort_unstable();
    assert_eq!(allowed, actions, "{}", HistoryAction::NAME);
}

#[tokio::test]
async fn a_restart_of_the_database_is_survived() {
    let (mut cluster, test) = own_cluster().await;
    let database = open(test.url(), &[("DATABASE_ACQUIRE_TIMEOUT", "200ms")]).await;
    drop(database.acquire().await.unwrap());

    cluster.stop_fast().await.unwrap();
    // A connection that died a moment ago is given out once more, and fails in use.
    let refused = match database.acquire().await {
        Ok(mut lease) => db_error(sqlx::query("select 1").execute(&mut *lease).await.unwrap_err()),
        Err(refused) => refused,
    };
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    assert_eq!(database.acquire().await.err().unwrap().code(), ErrorCode::Unavailable);

    cluster.start_again().await.unwrap();
    let mut lease = database.acquire().await.unwrap();
    assert_eq!(setting(&mut lease, "application_name").await, "tests");
}

#[tokio::test]
async fn many_processes_migrate_at_once_and_a_second_time_changes_nothing() {
    let (cluster, _) = own_cluster().await;
    cluster.create_database("fresh").await.unwrap();
    let config = config(&cluster.url("fresh"), &[]);
    let migrations = (0..5).map(|_| eventboard_db::migrate(config.direct()));
    futures::future::try_join_all(migrations).await.unwrap();
    eventboard_db::migrate(config.direct()).await.unwrap();
}

#[tokio::test]
async fn a_database_of_locale_c_is_refused() {
    let test = TestDatabase::create().await;
    let mut admin = test.connect().await;
    sqlx::query("create database locale_c template template0 encoding 'UTF8' locale 'C'")
        .execute(&mut admin)
        .await
        .unwrap();
    admin.close().await.unwrap();
    let (server, _) = test.url().rsplit_once('/').unwrap();

    let database = Database::open(config(&format!("{server}/locale_c"), &[]));
    let refused = format!("{:#}", database.prepare().await.unwrap_err());

    assert!(refused.contains("locale C"), "{refused}");
}

#[test]
fn a_bad_url_is_named_without_its_password() {
    let env = [("DATABASE_URL".to_owned(), "nonsense://user:s3cret@host".to_owned())].into_iter().collect();
    let error = read(env, |env| DatabaseConfig::from_env(env, "tests")).unwrap_err().to_string();
    assert!(error.contains("DATABASE_URL must be a URL") && !error.contains("s3cret"), "{error}");
}

#[test]
fn the_settings_can_be_printed_without_the_password() {
    let config = config("postgres://user:s3cret@host/eventboard_db", &[]);
    assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
}
