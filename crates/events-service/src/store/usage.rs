//! What organizations use of their quotas.
//!
//! A counter in the database would be a lock that all writes of an organization wait for. Instead, each replica counts
//! what an organization stores from time to time while the organization writes, and adds what it writes itself. What
//! other replicas write is missing until the next count, and so is what was removed (expired keys). A count reads all
//! rows of the organization, so the next one starts only after [`COUNT_INTERVAL_FACTOR`] times as long.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    outcome_guard::{OutcomeGuard, observe_outcome},
    server::Deadline,
};
use eventboard_db::{Database, InstrumentStatement, count_usage, db_error};
use eventboard_domain::{Growth, Quotas, Refusal, StorageUsage};
use moka::sync::Cache;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// The minimum time from one count of an organization to the next.
const MIN_COUNT_INTERVAL: Duration = Duration::from_secs(60);

/// The minimum time from one count to the next, as a multiple of the time that the count took, whether it succeeded or
/// not. So the counts of an organization take at most 5 % of one connection.
const COUNT_INTERVAL_FACTOR: u32 = 20;

/// The minimum time from a failed count to the next attempt.
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How long a count may take.
const MAX_COUNT_TIME: Duration = Duration::from_secs(600);

/// How many counts a replica runs at the same time, so that the counts of large organizations leave most connections to
/// the calls.
const CONCURRENT_COUNTS: usize = 2;

/// How long after its beginning the writes wait for the first count. Counting a million events takes longer; until that
/// count has ended, nothing is refused.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// How long the usage of an organization is kept after its last write.
const IDLE_TTL: Duration = Duration::from_secs(10 * 60);

/// The maximum number of organizations in the cache. An entry takes some hundred bytes.
const CAPACITY: u64 = 10_000;

/// The usages of the organizations that wrote recently.
#[derive(Clone)]
pub(super) struct Usages {
    database: Database,
    organizations: Cache<Uuid, Arc<OrganizationUsage>>,
    /// One permit per concurrent count.
    turns: Arc<Semaphore>,
}

/// The usage of an organization: as counted, and what this replica has written since.
pub(crate) struct OrganizationUsage(watch::Sender<State>);

#[derive(Debug)]
struct State {
    /// The result of the last successful count. `None` before the first one.
    counted: Option<StorageUsage>,
    /// What this replica has written since that count.
    written: StorageUsage,
    /// What the writes in progress will add.
    in_flight: StorageUsage,
    /// When the next count may start. `None` while one is in progress.
    next_count: Option<Instant>,
    /// When the latest count began.
    count_began: Option<Instant>,
}

/// A successful count.
#[derive(Debug, Clone, Copy)]
struct Count {
    usage: StorageUsage,
    /// What this replica had written when the count began. The count includes it.
    included: StorageUsage,
    duration: Duration,
}

impl Usages {
    pub(super) fn new(database: Database) -> Self {
        let organizations = Cache::builder().max_capacity(CAPACITY).time_to_idle(IDLE_TTL).build();
        Self { database, organizations, turns: Arc::new(Semaphore::new(CONCURRENT_COUNTS)) }
    }

    /// Returns the usage of the organization, and starts a count if one is due. Waits for the first count only. Call
    /// this without holding a connection, because a count may need the last one.
    pub(super) async fn of(&self, organization_id: Uuid) -> Arc<OrganizationUsage> {
        let usage = self.organizations.get_with(organization_id, || Arc::new(OrganizationUsage::new()));
        if usage.begin_count() {
            // In a task of its own, so that the count goes on when the client disconnects.
            tokio::spawn(self.clone().count(organization_id, Arc::clone(&usage)));
        }
        if usage.is_first_count_running() {
            // Boxed, because it is rarely needed and would enlarge the future of every write.
            Box::pin(usage.wait_for_count(State::is_first_count_running)).await;
        }
        usage
    }

    /// Returns the usage of the organization, and waits for a count that is due: at most about a minute old. `None` while the first
    /// count takes longer. Call this without holding a connection, because a count may need the last one.
    pub(super) async fn present(&self, organization_id: Uuid) -> Option<StorageUsage> {
        let usage = self.of(organization_id).await;
        usage.wait_for_count(|state| state.next_count.is_none()).await;
        usage.present()
    }

    async fn count(self, organization_id: Uuid, usage: Arc<OrganizationUsage>) {
        let began = Instant::now();
        let end = observe_outcome(|count| usage.end_count(count, began.elapsed()));
        match self.count_in_database(organization_id, &usage).await {
            Ok(count) => end.finish(count),
            Err(error) => {
                tracing::warn!(%organization_id, %error, "What an organization stores could not be counted");
            }
        }
    }

    /// Counts as the service, not as the organization: an organization that uses its whole share of the connections
    /// must not prevent its own count.
    async fn count_in_database(
        &self,
        organization_id: Uuid,
        usage: &OrganizationUsage,
    ) -> Result<Count, ServiceError> {
        let _turn = self.turns.acquire().await.map_err(ServiceError::internal)?;
        let mut lease = self.database.acquire(Client::Service).await?;
        let mut transaction = lease.begin(Deadline::after(MAX_COUNT_TIME)).await?;
        let (began, included) = (Instant::now(), usage.written());
        let usage = count_usage(&mut transaction, organization_id)
            .instrumented("COUNT usage")
            .await
            .map_err(db_error)?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(Count { usage, included, duration: began.elapsed() })
    }
}

impl OrganizationUsage {
    fn new() -> Self {
        Self(watch::Sender::new(State {
            counted: None,
            written: StorageUsage::default(),
            in_flight: StorageUsage::default(),
            next_count: Some(Instant::now()),
            count_began: None,
        }))
    }

    /// Returns whether a count is due. If so, it counts as begun, and nobody else may begin one until it ends.
    fn begin_count(&self) -> bool {
        self.0.send_if_modified(|state| {
            let is_due = state.next_count.is_some_and(|at| at <= Instant::now());
            if is_due {
                state.next_count = None;
                state.count_began = Some(Instant::now());
            }
            is_due
        })
    }

    /// Ends a count that took `elapsed`, with its result unless it failed. After a failure, the last result stays
    /// valid.
    fn end_count(&self, count: Option<Count>, elapsed: Duration) {
        self.0.send_modify(|state| {
            let interval = match count {
                Some(count) => MIN_COUNT_INTERVAL.max(count.duration * COUNT_INTERVAL_FACTOR),
                None => MIN_RETRY_INTERVAL.max(elapsed * COUNT_INTERVAL_FACTOR),
            };
            state.next_count = Some(Instant::now() + interval);
            if let Some(Count { usage, included, duration: _ }) = count {
                state.counted = Some(usage);
                state.written -= included;
            }
        });
    }

    fn is_first_count_running(&self) -> bool {
        self.0.borrow().is_first_count_running()
    }

    async fn wait_for_count(&self, is_running: fn(&State) -> bool) {
        let mut state = self.0.subscribe();
        let Some(began) = self.0.borrow().count_began else { return };
        // After this time, the caller goes on without a count.
        let ended = state.wait_for(|state| !is_running(state));
        let _ = tokio::time::timeout_at((began + MAX_WAIT).into(), ended).await;
    }

    /// The usage with what is being written. `None` before the first count.
    fn present(&self) -> Option<StorageUsage> {
        let state = self.0.borrow();
        state.counted.map(|_| state.usage())
    }

    fn written(&self) -> StorageUsage {
        self.0.borrow().written
    }

    /// Adds the growth by a write that is about to happen, if the quotas allow it. Without an outcome, the guard takes
    /// the growth back.
    ///
    /// # Errors
    /// When the growth exceeds a quota.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        quotas: &Quotas,
        growth: Growth,
    ) -> Result<OutcomeGuard<(), impl FnOnce(Option<()>) + use<>>, Refusal> {
        let mut allowed = Ok(());
        self.modify(|state| {
            allowed = quotas.check_growth(state.usage(), growth);
            if allowed.is_ok() {
                state.in_flight += growth.usage;
            }
        });
        allowed?;
        let organization = Arc::clone(self);
        Ok(observe_outcome(move |written: Option<()>| {
            organization.modify(|state| {
                state.in_flight -= growth.usage;
                if written.is_some() {
                    state.written += growth.usage;
                }
            });
        }))
    }

    /// Modifies the state without waking the calls that wait for the first count.
    fn modify(&self, modify: impl FnOnce(&mut State)) {
        self.0.send_if_modified(|state| {
            modify(state);
            false
        });
    }
}

impl State {
    fn usage(&self) -> StorageUsage {
        let mut usage = self.counted.unwrap_or_default();
        usage += self.written;
        usage += self.in_flight;
        usage
    }

    fn is_first_count_running(&self) -> bool {
        self.counted.is_none() && self.next_count.is_none()
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config;
    use eventboard_db::DatabaseConfig;
    use eventboard_domain::{ByteLimit, Quota};
    use eventboard_testing::TestDatabase;

    use super::*;

    const QUOTAS: Quotas = Quotas { events: 2, bytes: 100, members: 1 };
    const ONE_EVENT: StorageUsage = StorageUsage { events: 1, bytes: 40 };
    const NEW_EVENT: Growth = Growth { usage: ONE_EVENT, byte_limit: ByteLimit::Quota };
    const ORGANIZATION: Uuid = Uuid::nil();

    /// An organization with three events.
    const CREATE_EVENTS: &str = r#"
        insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme');
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select id, id, 'user@example.org', 'F', 'L', 'USER', '$argon2id$' from "Organization";
        insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
            "createdAt", "updatedAt")
        select gen_random_uuid(), "organizationId", id, 'An event', 'A description', now(), now() + interval '1 hour',
            now(), now()
        from "User", generate_series(1, 3)
    "#;

    fn counted(usage: StorageUsage) -> Arc<OrganizationUsage> {
        let organization = Arc::new(OrganizationUsage::new());
        assert!(organization.begin_count());
        organization.end_count(Some(count(usage)), Duration::ZERO);
        organization
    }

    fn count(usage: StorageUsage) -> Count {
        Count { usage, included: StorageUsage::default(), duration: Duration::ZERO }
    }

    /// Returns the time until the next count may start.
    fn interval(organization: &OrganizationUsage) -> Duration {
        organization.0.borrow().next_count.expect("no count is running") - Instant::now()
    }

    #[test]
    fn writes_in_flight_count_and_a_failed_write_is_taken_back() {
        let usage = counted(ONE_EVENT);
        let in_flight = usage.reserve(&QUOTAS, NEW_EVENT).expect("the second event");
        let refused = usage.reserve(&QUOTAS, NEW_EVENT).err();
        assert_eq!(refused, Some(Refusal::QuotaExceeded { quota: Quota::Events, limit: 2 }));
        drop(in_flight);
        usage.reserve(&QUOTAS, NEW_EVENT).expect("the failed write is taken back").finish(());
        assert!(usage.reserve(&QUOTAS, NEW_EVENT).is_err());
    }

    #[test]
    fn a_deletion_makes_room() {
        let usage = counted(StorageUsage { events: 2, bytes: 80 });
        let deletion = Growth { usage: StorageUsage::default() - ONE_EVENT, byte_limit: ByteLimit::None };
        usage.reserve(&QUOTAS, deletion).expect("a deletion").finish(());
        usage.reserve(&QUOTAS, NEW_EVENT).expect("a new event").finish(());
        assert!(usage.reserve(&QUOTAS, NEW_EVENT).is_err());
    }

    #[test]
    fn a_write_counts_once_whether_it_ends_before_or_during_a_count() {
        let usage = counted(StorageUsage::default());
        usage.reserve(&QUOTAS, NEW_EVENT).expect("before the count").finish(());
        let included = usage.written();
        let in_flight = usage.reserve(&QUOTAS, NEW_EVENT).expect("during the count");
        let count = Count { usage: ONE_EVENT, included, duration: Duration::ZERO };
        usage.end_count(Some(count), Duration::ZERO);
        assert!(usage.reserve(&QUOTAS, NEW_EVENT).is_err(), "two events");
        in_flight.finish(());
        assert_eq!(usage.0.borrow().usage(), StorageUsage { events: 2, bytes: 80 });
    }

    #[test]
    fn a_failed_count_keeps_the_previous_one_and_is_repeated_soon() {
        let usage = counted(StorageUsage { events: 2, bytes: 80 });
        usage.modify(|state| state.next_count = Some(Instant::now()));
        assert!(usage.begin_count() && !usage.begin_count(), "one count at a time");
        usage.end_count(None, Duration::from_millis(10));
        assert!(usage.reserve(&QUOTAS, NEW_EVENT).is_err());
        assert!(interval(&usage) <= MIN_RETRY_INTERVAL);
    }

    #[test]
    fn the_next_count_waits_twenty_times_as_long_as_the_last_one_took() {
        let usage = counted(ONE_EVENT);
        assert!(interval(&usage) <= MIN_COUNT_INTERVAL);
        usage
            .end_count(Some(Count { duration: Duration::from_secs(10), ..count(ONE_EVENT) }), Duration::ZERO);
        assert!(interval(&usage) > Duration::from_secs(190));
    }

    fn database(database: &TestDatabase) -> Database {
        let variables = [
            ("DATABASE_URL", database.url()),
            ("DATABASE_MAX_CONNECTIONS", "2"),
            ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
        ];
        let env = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        Database::open(
            config::read(env, |env| DatabaseConfig::from_env(env, "tests")).expect("a configuration"),
        )
    }

    async fn wait_until_counted(usages: &Usages) -> StorageUsage {
        loop {
            if let Some(counted) = usages.of(ORGANIZATION).await.0.borrow().counted {
                return counted;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn execute(database: &TestDatabase, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut database.connect().await).await.expect("valid statements");
    }

    #[tokio::test]
    async fn a_failed_first_count_is_repeated() {
        let test_database = TestDatabase::create().await;
        execute(&test_database, CREATE_EVENTS).await;
        let database = database(&test_database);
        let usages = Usages::new(database.clone());
        let usage = usages.of(ORGANIZATION).await;
        assert_eq!(usage.0.borrow().counted, None, "the schema is not known to be up to date");
        database.prepare().await.expect("a migrated database");
        assert_eq!(wait_until_counted(&usages).await.events, 3);
    }

    #[tokio::test]
    async fn an_organization_that_uses_all_connections_does_not_prevent_its_count() {
        let test_database = TestDatabase::create().await;
        execute(&test_database, CREATE_EVENTS).await;
        let database = database(&test_database);
        database.prepare().await.expect("a migrated database");
        let acquire = || database.acquire(Client::Organization(ORGANIZATION));
        let (first, second) = (acquire().await.expect("a lease"), acquire().await.expect("a lease"));
        // These calls wait, and keep the connections that they get.
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let database = database.clone();
            waiting.spawn(async move {
                let _lease = database.acquire(Client::Organization(ORGANIZATION)).await;
                std::future::pending::<()>().await;
            });
        }
        tokio::task::yield_now().await;
        let usages = Usages::new(database.clone());
        assert_eq!(
            usages.of(ORGANIZATION).await.0.borrow().counted,
            None,
            "the count waits for a connection"
        );
        // The waiting clients take turns.
        first.release();
        second.release();
        assert_eq!(wait_until_counted(&usages).await.events, 3);
    }

    #[tokio::test]
    async fn clients_that_disconnect_do_not_start_further_counts() {
        let test_database = TestDatabase::create().await;
        let database = database(&test_database);
        database.prepare().await.expect("a migrated database");
        let mut blocker = test_database.connect().await;
        sqlx::raw_sql(r#"begin; lock table "Event""#).execute(&mut blocker).await.expect("a lock");
        let usages = Usages::new(database);
        let mut observer = test_database.connect().await;
        let mut waiting_counts = async || {
            let waiting = "select count(*) from pg_stat_activity
                where wait_event_type = 'Lock' and datname = current_database()";
            sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut observer).await.expect("a count")
        };
        for _ in 0..3 {
            let _ = tokio::time::timeout(Duration::from_millis(50), usages.of(ORGANIZATION)).await;
        }
        while waiting_counts().await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!((waiting_counts().await, usages.turns.available_permits()), (1, 1));
        sqlx::raw_sql("commit").execute(&mut blocker).await.expect("the end of the lock");
        assert_eq!(wait_until_counted(&usages).await, StorageUsage::default());
    }
}
