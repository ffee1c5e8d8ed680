//! The connection pool: a bounded number of connections and a bounded queue of waiting calls, which the clients share
//! fairly.
//!
//! The sqlx pool is not used, for two reasons. It pings every connection that is returned to it, which costs one more
//! round trip per read. When an `acquire` is cancelled, the sqlx pool drops the new connection, so that overload
//! leads to a connection storm (sqlx #3132). In this pool, a call waits for a permit before it opens a connection,
//! and the code that releases a lease guarantees that no statement is in flight.

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
    fairness::{Client, FairLimits, FairPermit, FairSemaphore, Refused},
    health::Check,
    metrics::at_each_scrape,
    server::{Deadline, shed_requests},
};
use metrics::{Counter, Histogram};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction, postgres::PgConnectOptions};
use tokio::sync::watch;

use crate::{
    config::{DatabaseConfig, IDLE_IN_TRANSACTION_TIMEOUT, PLANNER_SETTINGS, STATEMENT_TIMEOUT},
    error::db_error,
    migrations,
    statement::InstrumentStatement,
};

/// A connection that was idle for longer is pinged before it is used, because connections usually break while they
/// are idle. A ping before every use would cost a fifth of the read throughput.
const PING_AFTER_IDLE: Duration = Duration::from_millis(500);

/// An older connection is closed when it is returned. This frees the memory of its server process, and ends
/// connections to a server that was replaced behind the same host name. The value is the default of the sqlx pool.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How long a call with a permit waits for a new connection. It is long enough for a busy machine. The sum of this
/// time and the wait for a permit is shorter than any deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection is closed when it does not answer a ping in this time, or when a statement still runs this long after
/// the end of its lease. The ping is needed because networks can drop idle connections silently.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// A statement may run this much longer than its caller waits. PostgreSQL needs about as long to notice that a caller
/// disconnected.
const TIMEOUT_TOLERANCE: Duration = Duration::from_secs(1);

/// The database is down when it does not answer the health probe in this time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A handle to the database and its connection pool.
#[derive(Clone)]
pub struct Database(Arc<DatabaseInner>);

struct DatabaseInner {
    /// A stack: the most recently used connection is last.
    idle: std::sync::Mutex<Vec<PooledConnection>>,
    config: DatabaseConfig,
    /// One permit per connection, and the queue of the calls that wait for one.
    permits: FairSemaphore,
    /// Whether the schema is up to date.
    is_migrated: watch::Sender<bool>,
    /// Whether the last health check reached the database.
    is_reachable: AtomicBool,
    metrics: PoolMetrics,
}

/// The metrics that calls record. The gauges are updated at each scrape instead.
struct PoolMetrics {
    wait_time: Histogram,
    timeouts: Counter,
    shed_queue_full: Counter,
    shed_share_taken: Counter,
    shed_wait_timeout: Counter,
}

/// A connection in the pool.
struct PooledConnection {
    connection: PgConnection,
    opened: Instant,
    /// When the connection was last returned.
    idle_since: Instant,
}

impl PooledConnection {
    /// Returns whether the server answers a ping.
    async fn is_alive(&mut self) -> bool {
        matches!(tokio::time::timeout(PING_TIMEOUT, self.connection.ping()).await, Ok(Ok(())))
    }
}

/// When dropped, records how long a call waited for a connection, even if the call got none.
struct WaitTimer<'m> {
    wait_time: &'m Histogram,
    started: Instant,
}

impl Drop for WaitTimer<'_> {
    fn drop(&mut self) {
        self.wait_time.record(self.started.elapsed());
    }
}

/// The label that distinguishes the pools of one process.
const POOL: &str = "db_client_connection_pool_name";

impl PoolMetrics {
    fn new(pool: &str) -> Self {
        Self {
            wait_time: metrics::histogram!("db_client_connection_wait_time_seconds", POOL => pool.to_owned()),
            timeouts: metrics::counter!("db_client_connection_timeouts_total", POOL => pool.to_owned()),
            shed_queue_full: shed_requests("database_queue"),
            shed_share_taken: shed_requests("database_share"),
            shed_wait_timeout: shed_requests("database_wait"),
        }
    }
}

impl Database {
    /// Creates the pool. Connections are opened on demand. [`Database::acquire`] fails until [`Database::prepare`]
    /// has completed.
    pub fn open(config: DatabaseConfig) -> Self {
        let metrics = PoolMetrics::new(&config.application);
        let inner = Arc::new(DatabaseInner {
            idle: std::sync::Mutex::default(),
            permits: FairSemaphore::new(fair_limits(&config)),
            config,
            is_migrated: watch::Sender::new(false),
            is_reachable: AtomicBool::new(true),
            metrics,
        });
        register_gauges(&inner);
        Self(inner)
    }

    /// Waits for the database and brings the schema up to date. If the role of this process may not change the schema,
    /// waits until `eventboard migrate` has done it.
    ///
    /// # Errors
    /// When the database is reachable but unusable.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        migrations::migrate_when_available(&self.0.config).await?;
        self.0.is_migrated.send_replace(true);
        tracing::info!("The database schema is up to date");
        Ok(())
    }

    /// Leases a connection for the work of a client. The wait is short and bounded.
    ///
    /// # Errors
    /// `Overloaded` when too many calls wait (of all clients, or of this one) or no connection becomes free in time,
    /// `Unavailable` when the database cannot be reached or its schema is not up to date yet.
    pub async fn acquire(&self, client: Client) -> Result<Lease, ServiceError> {
        let _timer = WaitTimer { wait_time: &self.0.metrics.wait_time, started: Instant::now() };
        self.lease_connection(client).await
    }

    async fn lease_connection(&self, client: Client) -> Result<Lease, ServiceError> {
        let inner = &*self.0;
        if !*inner.is_migrated.borrow() {
            return Err(ServiceError::new(
                ErrorCode::Unavailable,
                "The service is starting. Try again shortly.",
            ));
        }
        // The database is known to be unavailable, so the call fails without waiting.
        if !inner.is_reachable.load(Ordering::Relaxed) {
            let cause = "the health check does not reach the database";
            return Err(db_error(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotConnected, cause))));
        }
        let permit = inner.wait_for_permit(client).await?;
        while let Some(mut pooled) = inner.pop_idle() {
            if pooled.idle_since.elapsed() < PING_AFTER_IDLE || pooled.is_alive().await {
                return Ok(self.lease(pooled, permit));
            }
            // The remaining connections have been idle for longer, so they are broken too.
            inner.idle().clear();
        }
        self.connect(permit).await
    }

    /// Opens a connection. If the caller disconnects meanwhile, the new connection goes to the pool.
    async fn connect(&self, permit: FairPermit) -> Result<Lease, ServiceError> {
        let database = self.clone();
        let connecting = tokio::spawn(async move {
            let connection = PgConnection::connect_with(&database.0.config.options);
            let connection = tokio::time::timeout(CONNECT_TIMEOUT, connection).await;
            let connection = connection
                .map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))
                .and_then(|connected| connected)?;
            let now = Instant::now();
            let pooled = PooledConnection { connection, opened: now, idle_since: now };
            Ok::<_, sqlx::Error>(database.lease(pooled, permit))
        });
        connecting.await.map_err(|_| sqlx::Error::WorkerCrashed).and_then(|leased| leased).map_err(db_error)
    }

    fn lease(&self, pooled: PooledConnection, permit: FairPermit) -> Lease {
        Lease {
            pooled: Some(pooled),
            permit: Some(permit),
            other_permit: None,
            begin_pending: false,
            database: self.clone(),
        }
    }

    /// The most connections that are open at the same time.
    pub fn max_connections(&self) -> u32 {
        self.0.config.max_connections
    }

    /// Returns whether statements reach the server through a pooler. A pooler may parse an unnamed statement on one
    /// server connection and run the statement on another.
    pub fn is_behind_pooler(&self) -> bool {
        self.0.config.pgbouncer
    }

    /// Starts the health check. It uses a separate connection, so that an exhausted pool is not reported as an
    /// unavailable database.
    pub fn health_check(&self) -> Check {
        let database = self.clone();
        let probe_connection = Arc::new(tokio::sync::Mutex::new(None));
        Check::spawn("database", move || {
            let (probe_connection, database) = (Arc::clone(&probe_connection), database.clone());
            async move {
                let inner = &*database.0;
                let mut connection = probe_connection.lock().await;
                let result =
                    tokio::time::timeout(PROBE_TIMEOUT, probe(&mut connection, &inner.config.options)).await;
                inner.is_reachable.store(matches!(result, Ok(Ok(()))), Ordering::Relaxed);
                match result {
                    Ok(Ok(())) if *inner.is_migrated.borrow() => Ok(()),
                    Ok(Ok(())) => Err("the schema is not up to date yet"),
                    Ok(Err(_)) => Err("connection failed"),
                    Err(_) => Err("no response"),
                }
            }
        })
    }
}

impl DatabaseInner {
    fn pop_idle(&self) -> Option<PooledConnection> {
        self.idle().pop()
    }

    /// Returns a connection to the pool. Nothing may be in flight on it.
    fn put_back(&self, pooled: PooledConnection) {
        if pooled.opened.elapsed() < MAX_LIFETIME {
            self.idle().push(PooledConnection { idle_since: Instant::now(), ..pooled });
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PooledConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for_permit(&self, client: Client) -> Result<FairPermit, ServiceError> {
        let metrics = &self.metrics;
        let permit = tokio::time::timeout(self.config.acquire_timeout, self.permits.acquire(client)).await;
        let permit = permit.map_err(|_| {
            metrics.timeouts.increment(1);
            shed(&metrics.shed_wait_timeout)
        })?;
        permit.map_err(|refused| match refused {
            Refused::QueueFull => shed(&metrics.shed_queue_full),
            Refused::ClientHasItsShare => {
                metrics.shed_share_taken.increment(1);
                client.share_exhausted()
            }
        })
    }
}

/// One client may use all connections while it is alone. Its calls fill half of the queue and leave half to the others.
fn fair_limits(config: &DatabaseConfig) -> FairLimits {
    let (permits, waiting) = (config.max_connections as usize, config.max_waiting as usize);
    FairLimits { permits, waiting, per_client: permits + waiting.div_ceil(2) }
}

/// Pings over the stored connection or a new one. Stores the connection only after a successful ping.
async fn probe(stored: &mut Option<PgConnection>, options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut connection = match stored.take() {
        Some(connection) => connection,
        None => PgConnection::connect_with(options).await?,
    };
    connection.ping().await?;
    *stored = Some(connection);
    Ok(())
}

/// Registers the pool gauges, which are updated at each scrape.
fn register_gauges(inner: &Arc<DatabaseInner>) {
    let pool = &inner.config.application;
    let connections = |state| metrics::gauge!("db_client_connection_count", POOL => pool.clone(), "db_client_connection_state" => state);
    let (idle, used) = (connections("idle"), connections("used"));
    let pending = metrics::gauge!("db_client_connection_pending_requests", POOL => pool.clone());
    metrics::gauge!("db_client_connection_max", POOL => pool.clone()).set(inner.config.max_connections);
    let inner = Arc::downgrade(inner);
    at_each_scrape(move || {
        let Some(inner) = inner.upgrade() else { return false };
        idle.set(inner.idle().len() as f64);
        used.set(inner.permits.held() as f64);
        pending.set(inner.permits.waiting() as f64);
        true
    });
}

fn shed(counter: &Counter) -> ServiceError {
    counter.increment(1);
    ServiceError::new(ErrorCode::Overloaded, "The service is overloaded. Try again shortly.")
}

/// A leased connection. It returns to the pool when the lease is released or dropped.
pub struct Lease {
    /// Present until the lease ends.
    pooled: Option<PooledConnection>,
    permit: Option<FairPermit>,
    /// A permit of another semaphore for the same work. It is freed together with `permit`.
    other_permit: Option<Arc<FairPermit>>,
    /// Whether `begin` was sent and its response has not arrived. If so, the connection cannot be reused,
    /// because the transaction would stay open.
    begin_pending: bool,
    database: Database,
}

/// The panic message when a lease has no connection, which never happens.
const HAS_CONNECTION: &str = "a lease has its connection until it ends";

impl Lease {
    /// Keeps a permit until the connection is idle again, even if the caller stops waiting before that.
    pub fn keep(&mut self, permit: Arc<FairPermit>) {
        self.other_permit = Some(permit);
    }

    /// Begins a transaction whose statements time out at the caller's deadline.
    ///
    /// # Errors
    /// `DeadlineExceeded` when the deadline has passed, `Unavailable` when the connection is broken.
    ///
    /// # Panics
    /// Never, because a lease has its connection until it ends.
    pub async fn begin(&mut self, deadline: Deadline) -> Result<Transaction<'_, Postgres>, ServiceError> {
        let left = deadline.remaining().as_millis();
        if left == 0 {
            let message = "The request timed out before it reached the database.";
            return Err(ServiceError::new(ErrorCode::DeadlineExceeded, message));
        }
        // One round trip for all statements. This also works behind a pooler, because the settings end with the
        // transaction.
        let mut begin = format!(
            "begin; set local statement_timeout = {left}; \
             set local idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_TIMEOUT}'"
        );
        if self.database.is_behind_pooler() {
            for (name, value) in PLANNER_SETTINGS {
                begin.push_str(&format!("; set local {name} = {value}"));
            }
        }
        let Self { pooled, begin_pending, .. } = self;
        let pooled = pooled.as_mut().expect(HAS_CONNECTION);
        *begin_pending = true;
        let transaction = pooled
            .connection
            .begin_with(AssertSqlSafe(begin))
            .instrumented("BEGIN")
            .await
            .map_err(db_error)?;
        *begin_pending = false;
        Ok(transaction)
    }

    /// Returns whether the connection's `statement_timeout` ends a statement at about the deadline. If so, a single
    /// statement does not need a transaction with a shorter timeout.
    pub fn statement_timeout_covers(&self, deadline: Deadline) -> bool {
        !self.database.is_behind_pooler() && deadline.remaining() + TIMEOUT_TOLERANCE >= STATEMENT_TIMEOUT
    }

    /// Returns the connection to the pool immediately. All statements must have been awaited and must have succeeded,
    /// because nothing may be in flight, and no transaction may be open.
    pub fn release(mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.database.0.put_back(pooled);
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.pooled.as_ref().expect(HAS_CONNECTION).connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.pooled.as_mut().expect(HAS_CONNECTION).connection
    }
}

impl Drop for Lease {
    /// Runs after a failure, or when the caller disconnected. A transaction may still be open, and a statement may
    /// still run. The permit is freed when the connection is idle again. If the connection does not become idle soon,
    /// it is closed. The server notices this and ends the statement.
    fn drop(&mut self) {
        let permits = (self.permit.take(), self.other_permit.take());
        let Some(mut pooled) = self.pooled.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.begin_pending {
            return;
        }
        let database = self.database.clone();
        runtime.spawn(async move {
            match tokio::time::timeout(PING_TIMEOUT, pooled.connection.ping()).await {
                Ok(Ok(())) => database.0.put_back(pooled),
                Ok(Err(error)) => tracing::debug!(%error, "Closed a broken connection"),
                Err(_) => tracing::debug!("Closed a connection with an abandoned statement"),
            }
            drop(permits);
        });
    }
}
