//! The pool: a bounded number of connections and a bounded queue before them.
//!
//! It is not sqlx's own pool. That one asks a connection for a sign of life whenever it is given back, one more round
//! trip for each read, and drops a fresh connection whose `acquire` is cancelled, so that overload turns into a storm of
//! connects (sqlx #3132). Here the room for a connection comes first, and a lease says itself when nothing is in flight.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    health::Check,
    metrics::at_each_scrape,
    server::{Deadline, shed_requests},
};
use metrics::{Counter, Histogram};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgConnectOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    config::{DatabaseConfig, IDLE_IN_TRANSACTION_TIMEOUT, STATEMENT_TIMEOUT},
    error::db_error,
    migrations,
    statement::Named,
};

/// A connection that was idle for longer is asked whether it still lives before it is used: one that
/// died did so while idle, and asking every time costs a fifth of the reads.
const ASK_AFTER_IDLE: Duration = Duration::from_millis(500);

/// A connection that is older is closed when it is given back, so that what a server process has gathered in memory,
/// and a server that was replaced behind its name, are let go of at some time. The default of sqlx's pool.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long a call with room waits for its connection to be made; longer than a busy machine needs for it, and
/// together with the wait for room shorter than any deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection that does not answer in this time, and one on which something is still in flight this long after its
/// lease, is closed. The way to the server may have been lost without a word: a network forgets connections that are idle.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A statement that goes on for this much longer than its caller waits does no harm: a caller that is gone is noticed
/// after about as long.
const NEARLY: Duration = Duration::from_secs(1);

/// A database that does not answer the health probe in this time is down.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The database as one service uses it.
#[derive(Clone)]
pub struct Database(Arc<DatabaseParts>);

struct DatabaseParts {
    /// The one that was used last is on top.
    idle: std::sync::Mutex<Vec<Pooled>>,
    config: DatabaseConfig,
    /// As many as connections.
    room: Arc<Semaphore>,
    /// As many as may queue for one.
    queue: Semaphore,
    /// Whether the schema is up to date.
    migrated: watch::Sender<bool>,
    /// Whether the health check found the database at its last look.
    reachable: AtomicBool,
    meters: Meters,
}

/// What operators see of the pool; the rest is read at each scrape.
struct Meters {
    wait_time: Histogram,
    timeouts: Counter,
    no_place_in_queue: Counter,
    no_room_in_time: Counter,
}

/// A connection that belongs to the pool.
struct Pooled {
    connection: PgConnection,
    opened: Instant,
    /// When it was last given back.
    idle_since: Instant,
}

impl Pooled {
    /// Whether there still is a server at its other end.
    async fn still_answers(&mut self) -> bool {
        matches!(tokio::time::timeout(ANSWER_WITHIN, self.connection.ping()).await, Ok(Ok(())))
    }
}

/// A call that waits for a connection. How long is recorded when it is dropped, also for one that waits in vain.
struct Waiting<'m> {
    wait_time: &'m Histogram,
    began: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.wait_time.record(self.began.elapsed());
    }
}

/// Tells the pools of one process apart.
const POOL: &str = "db_client_connection_pool_name";

impl Meters {
    fn new(pool: &str) -> Self {
        Self {
            wait_time: metrics::histogram!("db_client_connection_wait_time_seconds", POOL => pool.to_owned()),
            timeouts: metrics::counter!("db_client_connection_timeouts_total", POOL => pool.to_owned()),
            no_place_in_queue: shed_requests("database_queue"),
            no_room_in_time: shed_requests("database_wait"),
        }
    }
}

impl Database {
    /// Opens the pool; connections are made as they are needed. Nothing is usable before
    /// [`Database::prepare`] is through.
    pub fn open(config: DatabaseConfig) -> Self {
        let meters = Meters::new(&config.application);
        let parts = Arc::new(DatabaseParts {
            idle: std::sync::Mutex::default(),
            room: Arc::new(Semaphore::new(config.max_connections as usize)),
            queue: Semaphore::new(config.max_waiting as usize),
            config,
            migrated: watch::Sender::new(false),
            reachable: AtomicBool::new(true),
            meters,
        });
        observe(&parts);
        Self(parts)
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
        let _waiting = Waiting { wait_time: &self.0.meters.wait_time, began: Instant::now() };
        self.lease_one().await
    }

    async fn lease_one(&self) -> Result<Lease, ServiceError> {
        let parts = &*self.0;
        if !*parts.migrated.borrow() {
            return Err(ServiceError::new(
                ErrorCode::Unavailable,
                "The service is starting. Try again shortly.",
            ));
        }
        // Known to be away: the caller learns it now and not after a wait.
        if !parts.reachable.load(Ordering::Relaxed) {
            let cause = "the health check does not reach the database";
            return Err(db_error(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotConnected, cause))));
        }
        let room = match Arc::clone(&parts.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => parts.wait_for_room().await?,
        };
        while let Some(mut pooled) = parts.take_idle() {
            if pooled.idle_since.elapsed() < ASK_AFTER_IDLE || pooled.still_answers().await {
                return Ok(self.lease(pooled, room));
            }
            // Those beneath have been idle for longer, and are as lost.
            parts.idle().clear();
        }
        self.connect(room).await
    }

    /// A new connection. A caller that goes away meanwhile leaves it to the others.
    async fn connect(&self, room: OwnedSemaphorePermit) -> Result<Lease, ServiceError> {
        let database = self.clone();
        let connecting = tokio::spawn(async move {
            let connection = PgConnection::connect_with(&database.0.config.options);
            let connection = tokio::time::timeout(CONNECT_TIMEOUT, connection).await;
            let connection = connection
                .map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))
                .and_then(|made| made)?;
            let now = Instant::now();
            Ok::<_, sqlx::Error>(database.lease(Pooled { connection, opened: now, idle_since: now }, room))
        });
        connecting.await.map_err(|_| sqlx::Error::WorkerCrashed).and_then(|made| made).map_err(db_error)
    }

    fn lease(&self, pooled: Pooled, room: OwnedSemaphorePermit) -> Lease {
        Lease { pooled: Some(pooled), room: Some(room), beginning: false, database: self.clone() }
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
        let kept = Arc::new(tokio::sync::Mutex::new(None));
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
    fn take_idle(&self) -> Option<Pooled> {
        self.idle().pop()
    }

    /// Keeps a connection on which nothing is in flight.
    fn keep(&self, pooled: Pooled) {
        if pooled.opened.elapsed() < MAX_LIFETIME {
            self.idle().push(Pooled { idle_since: Instant::now(), ..pooled });
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Pooled>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for_room(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        let meters = &self.meters;
        let _place_in_queue = self.queue.try_acquire().map_err(|_| busy(&meters.no_place_in_queue))?;
        let room = Arc::clone(&self.room).acquire_owned();
        let room = tokio::time::timeout(self.config.acquire_timeout, room).await;
        let room = room.map_err(|_| {
            meters.timeouts.increment(1);
            busy(&meters.no_room_in_time)
        })?;
        room.map_err(ServiceError::internal)
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

/// Shows operators how full the pool is.
fn observe(parts: &Arc<DatabaseParts>) {
    let pool = &parts.config.application;
    let connections = |state| metrics::gauge!("db_client_connection_count", POOL => pool.clone(), "db_client_connection_state" => state);
    let (idle, used) = (connections("idle"), connections("used"));
    let pending = metrics::gauge!("db_client_connection_pending_requests", POOL => pool.clone());
    metrics::gauge!("db_client_connection_max", POOL => pool.clone()).set(parts.config.max_connections);
    let parts = Arc::downgrade(parts);
    at_each_scrape(move || {
        let Some(parts) = parts.upgrade() else { return false };
        let taken = |semaphore: &Semaphore, size: u32| f64::from(size) - semaphore.available_permits() as f64;
        idle.set(parts.idle().len() as f64);
        used.set(taken(&parts.room, parts.config.max_connections));
        pending.set(taken(&parts.queue, parts.config.max_waiting));
        true
    });
}

fn busy(shed: &Counter) -> ServiceError {
    shed.increment(1);
    ServiceError::new(ErrorCode::Overloaded, "Too much is going on right now. Try again shortly.")
}

/// A connection of the pool, given back when it is released or dropped.
pub struct Lease {
    /// Present until the lease ends.
    pooled: Option<Pooled>,
    room: Option<OwnedSemaphorePermit>,
    /// `begin` was sent and has not been answered: nobody would end that transaction.
    beginning: bool,
    database: Database,
}

/// Why a lease always has its connection.
const PRESENT: &str = "a lease has its connection until it ends";

impl Lease {
    /// Begins a transaction whose statements end when the caller's deadline passes.
    ///
    /// # Errors
    /// `DeadlineExceeded` when it has passed already, `Unavailable` when the connection is broken.
    ///
    /// # Panics
    /// Never: a lease has its connection until it ends.
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
        let Self { pooled, beginning, .. } = self;
        let pooled = pooled.as_mut().expect(PRESENT);
        *beginning = true;
        let transaction =
            pooled.connection.begin_with(AssertSqlSafe(begin)).named("BEGIN").await.map_err(db_error)?;
        *beginning = false;
        Ok(transaction)
    }

    /// Whether the connection's own `statement_timeout` ends a statement about when the deadline passes, so that a
    /// single one needs no transaction to narrow it.
    pub fn times_out_by(&self, deadline: Deadline) -> bool {
        !self.database.is_behind_pooler() && deadline.left() + NEARLY >= STATEMENT_TIMEOUT
    }

    /// Gives the connection back at once. Only for a lease all of whose statements were awaited and successful: nothing
    /// may be in flight, and no transaction may be open.
    pub fn release(mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.database.0.keep(pooled);
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.pooled.as_ref().expect(PRESENT).connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.pooled.as_mut().expect(PRESENT).connection
    }
}

impl Drop for Lease {
    /// After a failure, or for a caller that is gone: a transaction may be open and a statement may still run. There is
    /// room for the next call when the connection is free again; one that is not free soon is closed, which the server
    /// notices, and ends the statement.
    fn drop(&mut self) {
        let (Some(mut pooled), room) = (self.pooled.take(), self.room.take()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.beginning {
            return;
        }
        let database = self.database.clone();
        runtime.spawn(async move {
            match tokio::time::timeout(ANSWER_WITHIN, pooled.connection.ping()).await {
                Ok(Ok(())) => database.0.keep(pooled),
                Ok(Err(error)) => tracing::debug!(%error, "A broken connection was closed"),
                Err(_) => tracing::debug!("A connection with an abandoned statement was closed"),
            }
            drop(room);
        });
    }
}
