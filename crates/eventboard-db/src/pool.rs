//! The pool: a bounded number of connections and a bounded queue before them.
//!
//! sqlx drops a connection whose `acquire` is cancelled, so that overload would turn into a storm of
//! connects (sqlx #3132). Therefore calls queue here, in front of the pool, and enter it only when a
//! connection is free.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    health::Check,
    server::Deadline,
};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    config::{DatabaseConfig, IDLE_IN_TRANSACTION_TIMEOUT},
    error::db_error,
    migrations,
};

/// A connection that was idle for longer is asked whether it still lives before it is used: one that
/// died did so while idle, and asking every time costs a fifth of the reads.
const ASK_AFTER_IDLE: Duration = Duration::from_millis(500);

/// How long a call with room waits for its connection to be made; longer than a busy machine needs for it, and
/// together with the wait for room shorter than any deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that is not free in this time after its lease ended is closed.
const RETURN_WITHIN: Duration = Duration::from_secs(1);

/// A database that does not answer the health probe in this time is down.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The database as one service uses it.
#[derive(Clone)]
pub struct Database(Arc<DatabaseParts>);

struct DatabaseParts {
    pool: PgPool,
    config: DatabaseConfig,
    /// As many as connections.
    room: Arc<Semaphore>,
    /// As many as may queue for one.
    queue: Semaphore,
    /// Whether the schema is up to date.
    migrated: watch::Sender<bool>,
    /// Whether the health check found the database at its last look.
    reachable: AtomicBool,
}

impl Database {
    /// Opens the pool; connections are made as they are needed. Nothing is usable before
    /// [`Database::prepare`] is through.
    pub fn open(config: DatabaseConfig) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(config.max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > ASK_AFTER_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(config.options.clone());
        Self(Arc::new(DatabaseParts {
            pool,
            room: Arc::new(Semaphore::new(config.max_connections as usize)),
            queue: Semaphore::new(config.max_waiting as usize),
            config,
            migrated: watch::Sender::new(false),
            reachable: AtomicBool::new(true),
        }))
    }

    /// Waits for the database and brings the schema up to date.
    ///
    /// # Errors
    /// When the database is there but cannot be used.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        migrations::migrate_when_there(&self.0.config.direct).await?;
        self.0.migrated.send_replace(true);
        tracing::info!("The database schema is up to date");
        Ok(())
    }

    /// A connection, after a short, bounded wait.
    ///
    /// # Errors
    /// `Overloaded` when too many calls wait already or no connection becomes free in time,
    /// `Unavailable` when the database cannot be reached or has no schema yet.
    pub async fn acquire(&self) -> Result<Lease, ServiceError> {
        let parts = &*self.0;
        if !*parts.migrated.borrow() {
            return Err(ServiceError::new(
                ErrorCode::Unavailable,
                "The service is starting. Try again shortly.",
            ));
        }
        // Known to be away: the caller learns it now and not after a wait.
        if !parts.reachable.load(Ordering::Relaxed) {
            return Err(db_error(sqlx::Error::PoolTimedOut));
        }
        let room = match Arc::clone(&parts.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => parts.wait_for_room().await?,
        };
        let connection = parts.pool.acquire().await.map_err(db_error)?;
        Ok(Lease { connection: Some(connection), room: Some(room), beginning: false })
    }

    /// Whether statements reach the server through a pooler, where an unnamed one may be parsed on one server
    /// connection and run on another.
    pub fn is_behind_pooler(&self) -> bool {
        self.0.config.pgbouncer
    }

    /// Watches the database over a connection of its own, so that a busy pool is not mistaken for a
    /// dead database.
    pub fn check(&self) -> Check {
        let database = self.clone();
        let kept = Arc::new(Mutex::new(None));
        Check::spawn("database", move || {
            let (kept, database) = (Arc::clone(&kept), database.clone());
            async move {
                let parts = &*database.0;
                let mut kept = kept.lock().await;
                let answer =
                    tokio::time::timeout(PROBE_TIMEOUT, probe(&mut kept, &parts.config.options)).await;
                parts.reachable.store(matches!(answer, Ok(Ok(()))), Ordering::Relaxed);
                match answer {
                    Ok(Ok(())) if *parts.migrated.borrow() => Ok(()),
                    Ok(Ok(())) => Err("the schema is not up to date yet"),
                    Ok(Err(_)) => Err("cannot be reached"),
                    Err(_) => Err("does not answer"),
                }
            }
        })
    }
}

impl DatabaseParts {
    async fn wait_for_room(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        let _place_in_queue = self.queue.try_acquire().map_err(|_| busy())?;
        let room = Arc::clone(&self.room).acquire_owned();
        let room = tokio::time::timeout(self.config.acquire_timeout, room).await;
        room.map_err(|_| busy())?.map_err(|_| busy())
    }
}

/// Asks over the kept connection, or a new one; keeps it only when it answered.
async fn probe(kept: &mut Option<PgConnection>, options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => PgConnection::connect_with(options).await?,
    };
    connection.ping().await?;
    *kept = Some(connection);
    Ok(())
}

fn busy() -> ServiceError {
    metrics::counter!("db_acquire_refused_total").increment(1);
    ServiceError::new(ErrorCode::Overloaded, "Too much is going on right now. Try again shortly.")
}

/// A connection of the pool, given back when it is dropped.
pub struct Lease {
    /// Present until the lease is dropped.
    connection: Option<PoolConnection<Postgres>>,
    room: Option<OwnedSemaphorePermit>,
    /// `begin` was sent and has not been answered: nobody would end that transaction.
    beginning: bool,
}

/// Why a lease always has its connection.
const PRESENT: &str = "a lease has its connection until it is dropped";

impl Lease {
    /// Begins a transaction whose statements end when the caller's deadline passes.
    ///
    /// # Errors
    /// `DeadlineExceeded` when it has passed already, `Unavailable` when the connection is broken.
    ///
    /// # Panics
    /// Never: a lease has its connection until it is dropped.
    pub async fn begin(&mut self, deadline: Deadline) -> Result<Transaction<'_, Postgres>, ServiceError> {
        let left = deadline.left().as_millis();
        if left == 0 {
            return Err(ServiceError::new(ErrorCode::DeadlineExceeded, "The request took too long."));
        }
        // One round trip, and right behind a pooler too: both settings end with the transaction.
        let begin = format!(
            "begin; set local statement_timeout = {left}; \
             set local idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_TIMEOUT}'"
        );
        let Self { connection, beginning, .. } = self;
        let connection = connection.as_mut().expect(PRESENT);
        *beginning = true;
        let transaction = connection.begin_with(AssertSqlSafe(begin)).await.map_err(db_error)?;
        *beginning = false;
        Ok(transaction)
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(PRESENT)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(PRESENT)
    }
}

impl Drop for Lease {
    /// There is room for the next call only when this connection is free again. One on which a statement still
    /// runs, for a caller that is gone, is closed after a while; the server notices and ends the statement.
    fn drop(&mut self) {
        let (Some(mut connection), room) = (self.connection.take(), self.room.take()) else { return };
        if self.beginning {
            drop(connection.detach());
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let returned = tokio::time::timeout(RETURN_WITHIN, connection.return_to_pool()).await;
                if returned.is_err() {
                    tracing::debug!("A connection with an abandoned statement was closed");
                }
                drop(room);
            });
        }
    }
}
