//! Checks the callers of reads and of replays from memory. The statements of a write check its caller themselves.

use std::time::{Duration, Instant};

use eventboard_chassis::{error::ServiceError, fairness::Client};
use eventboard_db::{AsText, Database, InstrumentStatement, db_error};
use eventboard_domain::{Identity, Refusal};
use moka::sync::Cache;

/// How long a positive result is cached. This limits how long a disabled user can still read, and gets replays from
/// memory: 30 seconds, together with [`MAX_STATEMENT_TIME`].
const TTL: Duration = Duration::from_secs(29);

/// The result of a longer statement is not cached, because it is about the time when the statement began.
const MAX_STATEMENT_TIME: Duration = Duration::from_secs(1);

/// The maximum number of cached callers. An entry takes some hundred bytes.
const CAPACITY: u64 = 10_000;

/// Checks that a token is still valid for its user, and caches the positive results.
///
/// The cache key is the identity in the token, so a token with a new role is checked again. Negative results are not
/// cached.
#[derive(Clone)]
pub(super) struct Callers {
    database: Database,
    current: Cache<Identity, ()>,
}

impl Callers {
    pub(super) fn new(database: Database) -> Self {
        Self::with_ttl(database, TTL)
    }

    fn with_ttl(database: Database, ttl: Duration) -> Self {
        Self { database, current: Cache::builder().max_capacity(CAPACITY).time_to_live(ttl).build() }
    }

    /// Checks the caller in the cache or in the database.
    ///
    /// # Errors
    /// `Unauthenticated` when the user was deleted or disabled, or now has another role or organization.
    pub(super) async fn check(&self, caller: &Identity) -> Result<(), ServiceError> {
        if self.current.get(caller).is_some() {
            return Ok(());
        }
        // Boxed, because the statement is rarely needed and would enlarge the future of every read.
        Box::pin(self.check_in_database(caller)).await
    }

    /// Checks the caller in the database.
    pub(super) async fn check_in_database(&self, caller: &Identity) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(caller.organization_id)).await?;
        let began = Instant::now();
        let is_current = sqlx::query_scalar!(
            r#"select exists (select from current_caller($1, $2, $3::text::"Role", $4, $5)) as "is_current!""#,
            caller.user_id,
            caller.organization_id,
            AsText(caller.role) as _,
            caller.session.id(),
            caller.session.issued_at(),
        )
        .fetch_one(&mut *lease)
        .instrumented("SELECT caller")
        .await
        .map_err(db_error)?;
        lease.release();
        if !is_current {
            return Err(Refusal::TokenOutdated.into());
        }
        self.confirm(caller, began);
        Ok(())
    }

    /// Records that a statement that began at this instant has found the caller to be current. After a write, its replays
    /// from memory therefore need no statement. A statement that waited long says too little about now.
    pub(super) fn confirm(&self, caller: &Identity, began: Instant) {
        if began.elapsed() < MAX_STATEMENT_TIME {
            self.current.insert(caller.clone(), ());
        }
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::{config, error::ErrorCode};
    use eventboard_db::DatabaseConfig;
    use eventboard_domain::{Role, TokenSession};
    use eventboard_testing::TestDatabase;
    use uuid::Uuid;

    use super::*;

    const CALLER: Identity = Identity {
        user_id: Uuid::nil(),
        organization_id: Uuid::nil(),
        role: Role::User,
        session: TokenSession::UNDATED,
    };

    const CREATE_CALLER: &str = r#"
        insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme');
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select id, id, 'user@example.org', 'F', 'L', 'USER', '$argon2id$' from "Organization"
    "#;

    async fn callers(database: &TestDatabase, ttl: Duration) -> Callers {
        let env = [("DATABASE_URL".to_owned(), database.url().to_owned())].into_iter().collect();
        let config =
            config::read(env, |env| DatabaseConfig::from_env(env, "tests")).expect("a configuration");
        let pool = Database::open(config);
        pool.prepare().await.expect("a migrated database");
        execute(database, CREATE_CALLER).await;
        Callers::with_ttl(pool, ttl)
    }

    async fn execute(database: &TestDatabase, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut database.connect().await).await.expect("valid statements");
    }

    #[tokio::test]
    async fn a_disabled_caller_is_noticed_when_the_cached_result_expires() {
        let database = TestDatabase::create().await;
        let callers = callers(&database, Duration::from_millis(50)).await;
        callers.check(&CALLER).await.expect("current");
        execute(&database, r#"update "User" set disabled = true"#).await;
        while callers.check(&CALLER).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = callers.check(&CALLER).await.expect_err("disabled");
        assert_eq!(refused.code(), ErrorCode::Unauthenticated);
        execute(&database, r#"update "User" set disabled = false"#).await;
        callers.check(&CALLER).await.expect("negative results are not cached");
    }

    #[tokio::test]
    async fn a_positive_result_is_cached_for_one_identity() {
        let database = TestDatabase::create().await;
        let callers = callers(&database, Duration::from_secs(3600)).await;
        callers.check(&CALLER).await.expect("current");
        execute(&database, r#"delete from "User""#).await;
        callers.check(&CALLER).await.expect("cached");
        let moderator = Identity { role: Role::Moderator, ..CALLER };
        callers.check(&moderator).await.expect_err("another identity");
    }
}
