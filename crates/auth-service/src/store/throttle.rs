//! Wrong passwords, and the addresses that users logged in from.
//!
//! Whoever locks both counters of an account locks that of the account first.

use std::{net::IpAddr, time::Duration};

use eventboard_chassis::{
    account_key::AccountKey,
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{Actor, AuditEntry, InstrumentStatement, db_error};
use eventboard_domain::{
    AccountCount, AccountFailures, AddressCount, AddressFailures, AuditEvent, AuditTarget,
    KNOWN_ADDRESS_DAYS, Lock, LockPhase, MAX_KNOWN_ADDRESSES, ThrottleLimit,
};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{Store, seconds};
use crate::{
    throttle::{CountedCheck, RefusedCheck, ThrottleKey},
    user::User,
};

/// The maximum number of rows that one statement deletes. It limits the locks that the statement holds.
const DELETION_BATCH: i64 = 1_000;

/// A locked counter of an account.
struct AccountCounter {
    failures: AccountFailures,
    is_known_address: bool,
    is_recorded: bool,
}

/// A locked counter of a block of addresses for an account.
struct AddressCounter {
    failures: AddressFailures,
    is_recorded: bool,
}

impl Store {
    /// Counts a check as wrong, if it may be made. Otherwise it is not counted, and the first refusal of a lock is recorded if
    /// there is a user. The statements are the same with and without a user.
    pub(crate) async fn count_check(
        &self,
        key: ThrottleKey,
        user: Option<&User>,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Result<CountedCheck, RefusedCheck>, ServiceError> {
        let mut lease = self.database.acquire(Client::Address(key.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        do_not_wait_for_the_disk(&mut transaction).await?;
        let account = lock_account(&mut transaction, key, user.map(|user| user.id)).await?;
        let address = lock_address(&mut transaction, key).await?;
        let refused = |limit| move |refusal| RefusedCheck { limit, refusal };
        let counts = account
            .failures
            .count(account.is_known_address)
            .map_err(refused(ThrottleLimit::Account))
            .and_then(|count| {
                let address = address.failures.count().map_err(refused(ThrottleLimit::Address))?;
                Ok((count, address))
            });
        let counted = match counts {
            Ok((account, address)) => {
                store_account_count(&mut transaction, key.account, account).await?;
                store_address_count(&mut transaction, key, address).await?;
                Ok(CountedCheck { key, lock: address.lock.map_or(0, |_| address.locks) })
            }
            Err(refused) => {
                let is_recorded = match refused.limit {
                    ThrottleLimit::Account => account.is_recorded,
                    ThrottleLimit::Address => address.is_recorded,
                };
                if !is_recorded {
                    mark_recorded(&mut transaction, key, refused.limit).await?;
                    record_throttled(&mut transaction, user, refused.limit, origin).await?;
                }
                Err(refused)
            }
        };
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(counted)
    }

    /// Takes back a check that had no verdict, and the lock that it has begun.
    pub(crate) async fn give_check_back(
        &self,
        counted: CountedCheck,
        client: Client,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let CountedCheck { key, lock } = counted;
        let mut lease = self.database.acquire(client).await?;
        let mut transaction = lease.begin(deadline).await?;
        do_not_wait_for_the_disk(&mut transaction).await?;
        take_off_account(&mut transaction, key.account).await?;
        sqlx::query!(
            r#"
            update "AddressThrottle" set failures = greatest(failures - 1, 0),
                locks = case when $3 > 0 and locks = $3 then locks - 1 else locks end,
                "lockedUntil" = case when $3 > 0 and locks = $3 then clock_timestamp() else "lockedUntil" end
            where account = $1 and block = $2::text::inet
            "#,
            &key.account[..],
            key.block.to_string(),
            lock
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE AddressThrottle")
        .await
        .map_err(db_error)?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Deletes some counters that say nothing any more, and some addresses that are no longer known. Returns how many.
    pub(crate) async fn delete_old_throttle_rows(&self) -> Result<u64, ServiceError> {
        let mut lease = self.database.acquire(Client::Service).await?;
        let deleted = sqlx::query_scalar!(
            r#"
            with accounts as (
                delete from "AccountThrottle" where account = any (array(
                    select account from "AccountThrottle" where "windowStartedAt" < now() - interval '1 hour'
                    order by "windowStartedAt" limit $1 for update skip locked
                ))
                returning 1
            ), addresses as (
                delete from "AddressThrottle" where ctid = any (array(
                    select ctid from "AddressThrottle"
                    where "windowStartedAt" < now() - interval '1 hour' and "lockedUntil" < now() - interval '1 hour'
                    order by "windowStartedAt" limit $1 for update skip locked
                ))
                returning 1
            ), known as (
                delete from "KnownAddress" where ctid = any (array(
                    select ctid from "KnownAddress" where "lastLoginAt" < now() - make_interval(days => $2)
                    order by "lastLoginAt" limit $1 for update skip locked
                ))
                returning 1
            )
            select (select count(*) from accounts) + (select count(*) from addresses) + (select count(*) from known)
                as "deleted!"
            "#,
            DELETION_BATCH,
            // A login within a day is not written.
            KNOWN_ADDRESS_DAYS + 1
        )
        .fetch_one(&mut *lease)
        .instrumented("DELETE throttle")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(u64::try_from(deleted).unwrap_or_default())
    }
}

/// A crash of PostgreSQL may forget the last counted checks. For that, no attacker waits.
async fn do_not_wait_for_the_disk(connection: &mut PgConnection) -> Result<(), ServiceError> {
    sqlx::query("set local synchronous_commit = off")
        .execute(connection)
        .instrumented("SET synchronous_commit")
        .await
        .map_err(db_error)?;
    Ok(())
}

/// Creates the counter of an account, or locks it.
async fn lock_account(
    connection: &mut PgConnection,
    key: ThrottleKey,
    user_id: Option<Uuid>,
) -> Result<AccountCounter, ServiceError> {
    let row = sqlx::query!(
        r#"
        insert into "AccountThrottle" as counter (account) values ($1)
        on conflict (account) do update set failures = counter.failures
        returning failures, "isRecorded",
            extract(epoch from clock_timestamp() - "windowStartedAt")::float8 as "window_seconds!",
            exists (
                select from "KnownAddress" where "userId" = $2 and block = $3::text::inet
                    and "lastLoginAt" > now() - make_interval(days => $4)
            ) as "is_known!"
        "#,
        &key.account[..],
        user_id.unwrap_or(Uuid::nil()),
        key.block.to_string(),
        KNOWN_ADDRESS_DAYS,
    )
    .fetch_one(connection)
    .instrumented("INSERT AccountThrottle")
    .await
    .map_err(db_error)?;
    Ok(AccountCounter {
        failures: AccountFailures { failures: row.failures, age: seconds(row.window_seconds) },
        is_known_address: row.is_known,
        is_recorded: row.isRecorded,
    })
}

/// Creates the counter of a block of addresses, or locks it.
async fn lock_address(
    connection: &mut PgConnection,
    key: ThrottleKey,
) -> Result<AddressCounter, ServiceError> {
    let row = sqlx::query!(
        r#"
        insert into "AddressThrottle" as counter (account, block) values ($1, $2::text::inet)
        on conflict (account, block) do update set failures = counter.failures
        returning failures, locks, "isRecorded",
            extract(epoch from clock_timestamp() - "windowStartedAt")::float8 as "window_seconds!",
            extract(epoch from "lockedUntil" - clock_timestamp())::float8 as "lock_seconds!"
        "#,
        &key.account[..],
        key.block.to_string(),
    )
    .fetch_one(connection)
    .instrumented("INSERT AddressThrottle")
    .await
    .map_err(db_error)?;
    let lock = (row.locks > 0).then(|| Lock { number: row.locks, phase: lock_phase(row.lock_seconds) });
    let failures = AddressFailures { failures: row.failures, age: seconds(row.window_seconds), lock };
    Ok(AddressCounter { failures, is_recorded: row.isRecorded })
}

/// The phase of a lock that ends in so many seconds.
fn lock_phase(seconds_left: f64) -> LockPhase {
    match seconds(seconds_left) {
        Duration::ZERO => LockPhase::Ended { ago: seconds(-seconds_left) },
        left => LockPhase::Active { left },
    }
}

async fn store_account_count(
    connection: &mut PgConnection,
    account: AccountKey,
    count: AccountCount,
) -> Result<(), ServiceError> {
    let AccountCount { failures, begins_window } = count;
    sqlx::query!(
        r#"
        update "AccountThrottle" set failures = $2, "isRecorded" = "isRecorded" and not $3,
            "windowStartedAt" = case when $3 then clock_timestamp() else "windowStartedAt" end
        where account = $1
        "#,
        &account[..],
        failures,
        begins_window,
    )
    .execute(connection)
    .instrumented("UPDATE AccountThrottle")
    .await
    .map_err(db_error)?;
    Ok(())
}

async fn store_address_count(
    connection: &mut PgConnection,
    key: ThrottleKey,
    count: AddressCount,
) -> Result<(), ServiceError> {
    let AddressCount { failures, begins_window, locks, lock } = count;
    sqlx::query!(
        r#"
        update "AddressThrottle" set failures = $3, locks = $4, "isRecorded" = false,
            "windowStartedAt" = case when $5 then clock_timestamp() else "windowStartedAt" end,
            "lockedUntil" = coalesce(clock_timestamp() + make_interval(secs => $6), "lockedUntil")
        where account = $1 and block = $2::text::inet
        "#,
        &key.account[..],
        key.block.to_string(),
        failures,
        locks,
        begins_window,
        lock.map(|lock| lock.as_secs_f64()),
    )
    .execute(connection)
    .instrumented("UPDATE AddressThrottle")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Notes that the audit has the first refusal. One statement for both limits, so that they take the same time.
async fn mark_recorded(
    connection: &mut PgConnection,
    key: ThrottleKey,
    limit: ThrottleLimit,
) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        with account as (update "AccountThrottle" set "isRecorded" = true where account = $1 and $3)
        update "AddressThrottle" set "isRecorded" = true where account = $1 and block = $2::text::inet and not $3
        "#,
        &key.account[..],
        key.block.to_string(),
        limit == ThrottleLimit::Account,
    )
    .execute(connection)
    .instrumented("UPDATE throttle")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Records a refusal. Without a user, the same statements run and the entry is rolled back.
async fn record_throttled(
    connection: &mut PgConnection,
    user: Option<&User>,
    limit: ThrottleLimit,
    origin: &Origin,
) -> Result<(), ServiceError> {
    let (user_id, organization_id) =
        user.map_or((Uuid::nil(), Uuid::nil()), |user| (user.id, user.organization_id));
    let entry = AuditEntry {
        organization_id: Some(organization_id),
        actor: Actor::Client { user_id: None, origin },
        event: AuditEvent::LoginThrottled { limit },
        target: Some(AuditTarget::user(user_id)),
    };
    let mut savepoint = connection.begin().instrumented("SAVEPOINT").await.map_err(db_error)?;
    entry.record(&mut savepoint).await.map_err(db_error)?;
    match user {
        Some(_) => savepoint.commit().instrumented("RELEASE SAVEPOINT").await,
        None => savepoint.rollback().instrumented("ROLLBACK TO SAVEPOINT").await,
    }
    .map_err(db_error)
}

/// The password was right: forgets the wrong ones from the block, and takes the check off the account. Wrong passwords from
/// elsewhere stay counted, because somebody may still be guessing.
pub(super) async fn clear_address(
    connection: &mut PgConnection,
    key: ThrottleKey,
) -> Result<(), ServiceError> {
    take_off_account(connection, key.account).await?;
    sqlx::query!(
        r#"delete from "AddressThrottle" where account = $1 and block = $2::text::inet"#,
        &key.account[..],
        key.block.to_string(),
    )
    .execute(connection)
    .instrumented("DELETE AddressThrottle")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Forgets the wrong passwords for an account from everywhere.
pub(super) async fn clear_account(
    connection: &mut PgConnection,
    account: AccountKey,
) -> Result<(), ServiceError> {
    // Two statements, because the parts of one have no order, and the counter of the account is to be locked first.
    sqlx::query!(r#"delete from "AccountThrottle" where account = $1"#, &account[..])
        .execute(&mut *connection)
        .instrumented("DELETE AccountThrottle")
        .await
        .map_err(db_error)?;
    sqlx::query!(r#"delete from "AddressThrottle" where account = $1"#, &account[..])
        .execute(connection)
        .instrumented("DELETE AddressThrottle")
        .await
        .map_err(db_error)?;
    Ok(())
}

async fn take_off_account(connection: &mut PgConnection, account: AccountKey) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"update "AccountThrottle" set failures = greatest(failures - 1, 0) where account = $1"#,
        &account[..]
    )
    .execute(connection)
    .instrumented("UPDATE AccountThrottle")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Makes a block of addresses known of a user whose row is locked.
pub(super) async fn remember_address(
    connection: &mut PgConnection,
    user_id: Uuid,
    block: IpAddr,
) -> Result<(), ServiceError> {
    let remembered = sqlx::query!(
        r#"
        insert into "KnownAddress" as known ("userId", block) values ($1, $2::text::inet)
        on conflict ("userId", block) do update set "lastLoginAt" = now()
        where known."lastLoginAt" < now() - interval '1 day'
        "#,
        user_id,
        block.to_string(),
    )
    .execute(&mut *connection)
    .instrumented("INSERT KnownAddress")
    .await
    .map_err(db_error)?;
    if remembered.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query!(
        r#"
        delete from "KnownAddress" where "userId" = $1 and block in (
            select block from "KnownAddress" where "userId" = $1
            order by "lastLoginAt" desc, block offset $2
        )
        "#,
        user_id,
        MAX_KNOWN_ADDRESSES,
    )
    .execute(connection)
    .instrumented("DELETE KnownAddress")
    .await
    .map_err(db_error)?;
    Ok(())
}
