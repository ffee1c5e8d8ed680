//! Sessions.

use std::time::Duration;

use eventboard_chassis::{
    browser_secret::{BrowserSecret, BrowserSecretHash},
    error::ServiceError,
    fairness::Client,
    refresh_token::{PresentedToken, RefreshKeys, SessionSeed},
    server::{Deadline, Origin},
};
use eventboard_db::{Actor, AsText, AuditEntry, InstrumentStatement, db_error};
use eventboard_domain::{
    AuditEvent, AuditTarget, Identity, MAX_SESSIONS, RefreshCount, RefreshOutcome, Refusal, Role, SessionEnd,
    SessionState, TokenSession,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Account, Store, seconds,
    throttle::{clear_address, remember_address},
};
use crate::{
    session::{BrowserSession, ListedSession, NewSession, Session, SessionConfig, SessionRules},
    throttle::ThrottleKey,
    user::{Organization, User},
};

/// The maximum number of sessions that one statement deletes. It limits the locks that the statement holds.
const DELETION_BATCH: i64 = 1_000;

/// The number of sessions of a user that are stored, with those that have ended.
const MAX_STORED_SESSIONS: i64 = 4 * MAX_SESSIONS;

/// The time for which a noted use of a browser session counts, so that not every request writes.
const USE_INTERVAL: Duration = Duration::from_secs(60);

/// A session whose refresh token was presented, locked.
struct PresentedSession {
    user: User,
    session: Session,
    /// Since when an access token of the current generation has been in use.
    seen: Option<Duration>,
    refreshes: RefreshCount,
    /// The block of the address of the last use.
    address: String,
    has_ended: bool,
}

/// A browser session whose secret was presented.
struct FoundBrowserSession {
    id: Uuid,
    /// Whether its use is to be noted.
    is_due: bool,
    session: BrowserSession,
}

/// What a refresh token was exchanged for.
pub(crate) struct Refreshed {
    pub outcome: RefreshOutcome,
    /// The session whose current tokens the caller gets, and its user. `None`: the caller gets nothing.
    pub session: Option<(User, Session)>,
}

impl Store {
    /// Opens a session for a user who has logged in, records the login, and forgets the wrong passwords from their address. The
    /// session that was not used for the longest time ends if there are too many.
    ///
    /// # Errors
    /// `WrongCredentials` when the user was disabled or deleted meanwhile, or the password was changed.
    pub(crate) async fn open_session_at_login(
        &self,
        account: &Account,
        new_session: NewSession<'_>,
        checked: ThrottleKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Session, ServiceError> {
        let mut lease = self.database.acquire(Client::Address(checked.block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let Account { user, password_version, password_hash: _, state: _ } = account;
        let session =
            insert_session(&mut transaction, user.id, Some(*password_version), new_session, origin).await?;
        let session = session.ok_or(Refusal::WrongCredentials)?;
        delete_surplus_sessions(&mut transaction, user.id).await?;
        for session_id in end_surplus_sessions(&mut transaction, user.id).await? {
            let event = AuditEvent::SessionRevoked { session_id, reason: SessionEnd::TooMany };
            record_about(&mut transaction, user, Some(user.id), origin, event).await?;
        }
        record_about(&mut transaction, user, Some(user.id), origin, AuditEvent::LoginSucceeded {}).await?;
        remember_address(&mut transaction, user.id, checked.block).await?;
        // Last, because other checks for the account wait for its counter.
        clear_address(&mut transaction, checked).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(session)
    }

    /// Exchanges a refresh token.
    ///
    /// # Errors
    /// `Throttled` when the session was refreshed too often.
    pub(crate) async fn refresh(
        &self,
        token: &PresentedToken,
        rules: &SessionRules,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Refreshed, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let mut transaction = lease.begin(deadline).await?;
        let found = find_presented_session(&mut transaction, token.session_id).await?;
        let found =
            found.filter(|found| rules.keys.is_genuine(token, &found.session.seed) && !found.has_ended);
        let Some(PresentedSession { user, session, seen, refreshes, address, has_ended: _ }) = found else {
            return Ok(Refreshed { outcome: RefreshOutcome::Unknown, session: None });
        };
        let outcome = SessionState { generation: session.generation, seen }
            .refresh(token.generation, rules.config.grace);
        let session = match outcome {
            RefreshOutcome::Next => {
                count_refresh(&mut transaction, session.id, refreshes).await?;
                let session = advance(&mut transaction, session, rules, origin).await?;
                Some((user, session))
            }
            RefreshOutcome::Current => {
                count_refresh(&mut transaction, session.id, refreshes).await?;
                if address != origin.address {
                    let event = AuditEvent::SessionRefreshedElsewhere { session_id: session.id };
                    record_about(&mut transaction, &user, None, origin, event).await?;
                }
                Some((user, session))
            }
            RefreshOutcome::Reused => {
                revoke(&mut transaction, session.id).await?;
                let event =
                    AuditEvent::SessionRevoked { session_id: session.id, reason: SessionEnd::TokenReused };
                record_about(&mut transaction, &user, None, origin, event).await?;
                None
            }
            RefreshOutcome::Unknown => None,
        };
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(Refreshed { outcome, session })
    }

    /// Finds the browser session of a secret and extends it. `None` when there is none, or it has ended, or its user is disabled.
    pub(crate) async fn use_browser_session(
        &self,
        secret_hash: &BrowserSecretHash,
        config: &SessionConfig,
        client: Client,
        origin: &Origin,
    ) -> Result<Option<BrowserSession>, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let found = find_browser_session(&mut lease, secret_hash).await?;
        let session = match found {
            Some(FoundBrowserSession { id, is_due: true, session }) => {
                let left = extend_browser_session(&mut lease, id, config, origin).await?;
                Some(BrowserSession { left: left.unwrap_or(session.left), ..session })
            }
            Some(FoundBrowserSession { id: _, is_due: false, session }) => Some(session),
            None => None,
        };
        lease.release();
        Ok(session)
    }

    /// Ends the session of a refresh token, if it has not ended yet. Returns false when the token is not genuine.
    pub(crate) async fn log_out_with(
        &self,
        token: &PresentedToken,
        keys: &RefreshKeys,
        client: Client,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let mut transaction = lease.begin(deadline).await?;
        let found = find_presented_session(&mut transaction, token.session_id).await?;
        let Some(found) = found.filter(|found| keys.is_genuine(token, &found.session.seed)) else {
            return Ok(false);
        };
        if revoke(&mut transaction, found.session.id).await? {
            let session_id = found.session.id;
            let event = AuditEvent::SessionRevoked { session_id, reason: SessionEnd::LoggedOut };
            record_about(&mut transaction, &found.user, Some(found.user.id), origin, event).await?;
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(true)
    }

    /// Ends the session of an access token, if it has not ended yet.
    pub(crate) async fn log_out(
        &self,
        identity: &Identity,
        session_id: Uuid,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        end_session(&mut transaction, identity, session_id, SessionEnd::LoggedOut, origin).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Ends a session of the caller, if it has not ended yet.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is, unless the session is that of the token: then it has ended already, perhaps by
    /// an attempt whose answer was lost. `SessionNotFound` when the caller has no such session.
    pub(crate) async fn revoke_session(
        &self,
        identity: &Identity,
        session_id: Uuid,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        if identity.session.id() != Some(session_id) && !is_current(&mut transaction, identity).await? {
            return Err(Refusal::TokenOutdated.into());
        }
        if !end_session(&mut transaction, identity, session_id, SessionEnd::Revoked, origin).await? {
            return Err(Refusal::SessionNotFound.into());
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Ends all sessions of the caller but that of the token, and makes tokens without a session invalid.
    ///
    /// # Errors
    /// `TokenOutdated` when the caller's token is.
    pub(crate) async fn end_other_sessions(
        &self,
        identity: &Identity,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        // So no login opens a session meanwhile, and of two sessions that end each other, one comes second.
        lock_caller(&mut transaction, identity).await?;
        sqlx::query!(
            r#"update "User" set "tokensValidFrom" = clock_timestamp() where id = $1"#,
            identity.user_id
        )
        .execute(&mut *transaction)
        .instrumented("UPDATE User")
        .await
        .map_err(db_error)?;
        end_others(&mut transaction, identity, SessionEnd::Revoked, origin).await?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Lists the caller's sessions that have not ended, the last used first. `None` when the caller's token is outdated.
    pub(crate) async fn list_sessions(
        &self,
        identity: &Identity,
    ) -> Result<Option<Vec<ListedSession>>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let rows = sqlx::query!(
            r#"
            select session.id as "id?", session."createdAt" as "created_at?", session."lastUsedAt" as "last_used_at?",
                session.client, session.address as "address?"
            from current_caller($1, $2, $3::text::"Role", $4, $5) caller
            left join "Session" session
                on session."userId" = caller.id and session."revokedAt" is null and session."expiresAt" > now()
            order by session."lastUsedAt" desc, session.id desc
            limit $6
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            identity.session.id(),
            identity.session.issued_at(),
            MAX_SESSIONS,
        )
        .fetch_all(&mut *lease)
        .instrumented("SELECT sessions")
        .await
        .map_err(db_error)?;
        lease.release();
        if rows.is_empty() {
            return Ok(None);
        }
        // A caller without sessions is one row without a session.
        let sessions = rows.into_iter().filter_map(|row| {
            Some(ListedSession {
                id: row.id?,
                created_at: row.created_at?,
                last_used_at: row.last_used_at?,
                client: row.client,
                address: row.address?,
            })
        });
        Ok(Some(sessions.collect()))
    }

    /// Returns whether the token is right about its user and its session has not ended. Notes the first use of a generation's
    /// access token.
    pub(crate) async fn validate(
        &self,
        identity: &Identity,
        generation: Option<i32>,
    ) -> Result<bool, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let is_current = sqlx::query_scalar!(
            r#"
            with caller as materialized (
                select id from current_caller($1, $2, $3::text::"Role", $4, $5)
            ), seen as (
                update "Session" set "seenAt" = clock_timestamp() from caller
                where "Session".id = $4 and "Session".generation = $6 and "Session"."seenAt" is null
            )
            select exists (select from caller) as "is_current!"
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            identity.session.id(),
            identity.session.issued_at(),
            generation,
        )
        .fetch_one(&mut *lease)
        .instrumented("SELECT caller")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(is_current)
    }

    /// Deletes some sessions that would have expired. Returns how many.
    pub(crate) async fn delete_expired_sessions(&self) -> Result<u64, ServiceError> {
        let mut lease = self.database.acquire(Client::Service).await?;
        let deleted = sqlx::query!(
            r#"
            delete from "Session" where id = any (array(
                select id from "Session" where "expiresAt" < now() order by "expiresAt" limit $1 for update skip locked
            ))
            "#,
            DELETION_BATCH
        )
        .execute(&mut *lease)
        .instrumented("DELETE Session")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(deleted.rows_affected())
    }
}

/// Opens a session. `None` if the user was disabled or deleted, or no longer has the password that was checked. Locks the user until the transaction ends, so that the sessions
/// of a user are counted by one login after the other.
pub(super) async fn insert_session(
    connection: &mut PgConnection,
    user_id: Uuid,
    password_version: Option<i32>,
    NewSession { rules, browser_secret }: NewSession<'_>,
    origin: &Origin,
) -> Result<Option<Session>, ServiceError> {
    let SessionRules { config: SessionConfig { refresh_expiry, max_age, grace: _ }, keys } = rules;
    let session = Session {
        id: Uuid::now_v7(),
        seed: rand::random::<SessionSeed>(),
        key: keys.current(),
        generation: 1,
        left: *refresh_expiry.min(max_age),
    };
    let Session { id, seed, key, generation, left } = &session;
    let hash = browser_secret.map(BrowserSecret::hash);
    let inserted = sqlx::query!(
        r#"
        with owner as (
            select id from "User"
            where id = $2 and not disabled and ($9::integer is null or "passwordVersion" = $9)
            for no key update
        )
        insert into "Session" (id, "userId", seed, "keyName", generation, "expiresAt", client, address, "browserSecretHash")
        select $1, id, $3, $4, $5, now() + make_interval(secs => $6), $7, $8, $10 from owner
        "#,
        id,
        user_id,
        &seed[..],
        &key[..],
        generation,
        left.as_secs_f64(),
        origin.client,
        origin.address,
        password_version,
        hash.as_ref().map(|hash| &hash[..]),
    )
    .execute(connection)
    .instrumented("INSERT Session")
    .await
    .map_err(db_error)?;
    Ok((inserted.rows_affected() == 1).then_some(session))
}

/// Ends the sessions of a user beyond the allowed number, those first that were not used for the longest time.
async fn end_surplus_sessions(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> Result<Vec<Uuid>, ServiceError> {
    sqlx::query_scalar!(
        r#"
        update "Session" set "revokedAt" = clock_timestamp() where id in (
            select id from "Session" where "userId" = $1 and "revokedAt" is null and "expiresAt" > now()
            order by "lastUsedAt" desc, id desc offset $2
        )
        returning id
        "#,
        user_id,
        MAX_SESSIONS
    )
    .fetch_all(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)
}

/// Deletes sessions of a user that have ended, those first that were not used for the longest time, so that a client that logs in
/// again and again does not fill the table. Their tokens are then unknown instead of ended, which is the same to a client.
async fn delete_surplus_sessions(connection: &mut PgConnection, user_id: Uuid) -> Result<(), ServiceError> {
    sqlx::query!(
        r#"
        delete from "Session" where "revokedAt" is not null and id in (
            select id from "Session" where "userId" = $1 order by "lastUsedAt" desc offset $2 limit 10
        )
        "#,
        user_id,
        MAX_STORED_SESSIONS
    )
    .execute(connection)
    .instrumented("DELETE Session")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Finds the session of a refresh token. No token is of a browser session.
async fn find_presented_session(
    connection: &mut PgConnection,
    session_id: Uuid,
) -> Result<Option<PresentedSession>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select session.seed, session."keyName", session.generation, session.address, session.refreshes,
            extract(epoch from clock_timestamp() - session."refreshesSince")::float8 as "window_seconds!",
            extract(epoch from clock_timestamp() - session."seenAt")::float8 as seen_seconds,
            extract(epoch from session."expiresAt" - clock_timestamp())::float8 as "seconds_left!",
            session."revokedAt" is not null or owner.disabled as "has_ended!",
            owner.id as user_id, owner.email, owner."firstName", owner."lastName",
            owner.role::text as "role!: AsText<Role>", owner."organizationId", owner."createdAt", owner."emailVerifiedAt",
            case when owner."pendingEmailExpiresAt" > now() then owner."pendingEmail" end as pending_email,
            owner.language, owner."timeZone" as time_zone
        from "Session" session join "User" owner on owner.id = session."userId"
        where session.id = $1 and session."browserSecretHash" is null
        for update of session
        "#,
        session_id
    )
    .fetch_optional(connection)
    .instrumented("SELECT Session")
    .await
    .map_err(db_error)?;
    let Some(row) = row else { return Ok(None) };
    let (Ok(seed), Ok(key)) = (row.seed.try_into(), row.keyName.try_into()) else { return Ok(None) };
    let left = seconds(row.seconds_left);
    Ok(Some(PresentedSession {
        user: User {
            id: row.user_id,
            email: row.email,
            first_name: row.firstName,
            last_name: row.lastName,
            role: row.role.0,
            organization_id: row.organizationId,
            created_at: row.createdAt,
            email_verified_at: row.emailVerifiedAt,
            pending_email: row.pending_email,
            language: row.language,
            time_zone: row.time_zone,
        },
        session: Session { id: session_id, seed, key, generation: row.generation, left },
        seen: row.seen_seconds.map(seconds),
        refreshes: RefreshCount { refreshes: row.refreshes, age: seconds(row.window_seconds) },
        address: row.address,
        has_ended: row.has_ended || left.is_zero(),
    }))
}

async fn find_browser_session(
    connection: &mut PgConnection,
    secret_hash: &BrowserSecretHash,
) -> Result<Option<FoundBrowserSession>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select session.id as session_id, session.generation,
            extract(epoch from session."expiresAt" - clock_timestamp())::float8 as "seconds_left!",
            session."lastUsedAt" <= clock_timestamp() - make_interval(secs => $2) as "is_due!",
            owner.id as user_id, owner.email, owner."firstName" as first_name, owner."lastName" as last_name,
            owner.role::text as "role!: AsText<Role>", owner."createdAt" as created_at,
            owner."emailVerifiedAt" as email_verified_at,
            case when owner."pendingEmailExpiresAt" > now() then owner."pendingEmail" end as pending_email,
            owner.language, owner."timeZone" as time_zone, organization.id as organization_id, organization.name,
            organization.slug, organization."timeZone" as organization_time_zone
        from "Session" session
        join "User" owner on owner.id = session."userId"
        join "Organization" organization on organization.id = owner."organizationId"
        where session."browserSecretHash" = $1 and session."revokedAt" is null and session."expiresAt" > now()
            and not owner.disabled
        "#,
        &secret_hash[..],
        USE_INTERVAL.as_secs_f64(),
    )
    .fetch_optional(connection)
    .instrumented("SELECT browser session")
    .await
    .map_err(db_error)?;
    Ok(row.map(|row| FoundBrowserSession {
        id: row.session_id,
        is_due: row.is_due,
        session: BrowserSession {
            user: User {
                id: row.user_id,
                email: row.email,
                first_name: row.first_name,
                last_name: row.last_name,
                role: row.role.0,
                organization_id: row.organization_id,
                created_at: row.created_at,
                email_verified_at: row.email_verified_at,
                pending_email: row.pending_email,
                language: row.language,
                time_zone: row.time_zone,
            },
            organization: Organization { id: row.organization_id, name: row.name, slug: row.slug },
            organization_time_zone: row.organization_time_zone,
            token_session: TokenSession::Session { id: row.session_id, generation: row.generation },
            left: seconds(row.seconds_left),
        },
    }))
}

/// Notes the use of a browser session, which then lasts longer. Returns the time until it ends. `None` if another request has noted a
/// use meanwhile, or the session has ended.
async fn extend_browser_session(
    connection: &mut PgConnection,
    session_id: Uuid,
    SessionConfig { refresh_expiry, max_age, grace: _ }: &SessionConfig,
    origin: &Origin,
) -> Result<Option<Duration>, ServiceError> {
    let left = sqlx::query_scalar!(
        r#"
        update "Session" set "lastUsedAt" = clock_timestamp(), client = $5, address = $6,
            "expiresAt" = least(clock_timestamp() + make_interval(secs => $3), "createdAt" + make_interval(secs => $4))
        where id = $1 and "revokedAt" is null and "expiresAt" > clock_timestamp()
            and "lastUsedAt" <= clock_timestamp() - make_interval(secs => $2)
        returning extract(epoch from "expiresAt" - clock_timestamp())::float8 as "seconds_left!"
        "#,
        session_id,
        USE_INTERVAL.as_secs_f64(),
        refresh_expiry.as_secs_f64(),
        max_age.as_secs_f64(),
        origin.client,
        origin.address,
    )
    .fetch_optional(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    Ok(left.map(seconds))
}

/// Gives the caller's session another secret, if it is a browser session. The one so far is no longer valid.
pub(super) async fn replace_browser_secret(
    connection: &mut PgConnection,
    identity: &Identity,
) -> Result<Option<BrowserSecret>, ServiceError> {
    let secret = BrowserSecret::generate();
    let replaced = sqlx::query!(
        r#"update "Session" set "browserSecretHash" = $2 where id = $1 and "browserSecretHash" is not null"#,
        identity.session.id(),
        &secret.hash()[..],
    )
    .execute(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    Ok((replaced.rows_affected() == 1).then_some(secret))
}

/// Counts a refresh of a locked session.
async fn count_refresh(
    connection: &mut PgConnection,
    session_id: Uuid,
    refreshes: RefreshCount,
) -> Result<(), ServiceError> {
    let next = refreshes.next()?;
    sqlx::query!(
        r#"
        update "Session" set refreshes = $2,
            "refreshesSince" = case when $2 = 1 then clock_timestamp() else "refreshesSince" end
        where id = $1
        "#,
        session_id,
        next
    )
    .execute(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    Ok(())
}

/// Makes the next generation of a locked session, with the current key.
async fn advance(
    connection: &mut PgConnection,
    session: Session,
    rules: &SessionRules,
    origin: &Origin,
) -> Result<Session, ServiceError> {
    let SessionRules { config: SessionConfig { refresh_expiry, max_age, grace: _ }, keys } = rules;
    let key = keys.current();
    let row = sqlx::query!(
        r#"
        update "Session" set generation = generation + 1, "keyName" = $2, "seenAt" = null,
            "lastUsedAt" = clock_timestamp(), client = $5, address = $6,
            "expiresAt" = least(clock_timestamp() + make_interval(secs => $3), "createdAt" + make_interval(secs => $4))
        where id = $1
        returning generation, extract(epoch from "expiresAt" - clock_timestamp())::float8 as "seconds_left!"
        "#,
        session.id,
        &key[..],
        refresh_expiry.as_secs_f64(),
        max_age.as_secs_f64(),
        origin.client,
        origin.address,
    )
    .fetch_one(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    Ok(Session { generation: row.generation, key, left: seconds(row.seconds_left), ..session })
}

/// Whether the caller's token is right about its user and its session has not ended.
async fn is_current(connection: &mut PgConnection, identity: &Identity) -> Result<bool, ServiceError> {
    sqlx::query_scalar!(
        r#"select exists (select from current_caller($1, $2, $3::text::"Role", $4, $5)) as "is_current!""#,
        identity.user_id,
        identity.organization_id,
        AsText(identity.role) as _,
        identity.session.id(),
        identity.session.issued_at(),
    )
    .fetch_one(connection)
    .instrumented("SELECT caller")
    .await
    .map_err(db_error)
}

/// Ends a session of the user and records that, unless it has ended already. Returns false when the user has no such session.
async fn end_session(
    connection: &mut PgConnection,
    identity: &Identity,
    session_id: Uuid,
    reason: SessionEnd,
    origin: &Origin,
) -> Result<bool, ServiceError> {
    let has_ended = sqlx::query_scalar!(
        r#"
        select "revokedAt" is not null as "has_ended!" from "Session" where id = $1 and "userId" = $2 for update
        "#,
        session_id,
        identity.user_id
    )
    .fetch_optional(&mut *connection)
    .instrumented("SELECT Session")
    .await
    .map_err(db_error)?;
    let Some(has_ended) = has_ended else { return Ok(false) };
    if !has_ended {
        revoke(connection, session_id).await?;
        record_by_caller(connection, identity, origin, AuditEvent::SessionRevoked { session_id, reason })
            .await?;
    }
    Ok(true)
}

/// The caller, whose row is locked.
pub(crate) struct LockedCaller {
    pub email: String,
    pub is_verified: bool,
    pub password_version: i32,
}

/// Locks the row of the caller, so that other changes of the account wait until the transaction ends.
///
/// # Errors
/// `TokenOutdated` when the caller's token is.
pub(super) async fn lock_caller(
    connection: &mut PgConnection,
    identity: &Identity,
) -> Result<LockedCaller, ServiceError> {
    let locked = sqlx::query_as!(
        LockedCaller,
        r#"
        select email, "emailVerifiedAt" is not null as "is_verified!", "passwordVersion" as password_version
        from "User" where id = $1 for no key update
        "#,
        identity.user_id
    )
    .fetch_optional(&mut *connection)
    .instrumented("LOCK User")
    .await
    .map_err(db_error)?;
    // In a statement of its own, which sees what was committed while the first one waited.
    match locked {
        Some(locked) if is_current(connection, identity).await? => Ok(locked),
        _ => Err(Refusal::TokenOutdated.into()),
    }
}

/// Ends all sessions of the caller but that of the token, and records that. Also those that have expired: a refresh that is about to
/// be committed may have extended them.
pub(super) async fn end_others(
    connection: &mut PgConnection,
    identity: &Identity,
    reason: SessionEnd,
    origin: &Origin,
) -> Result<(), ServiceError> {
    let ended = sqlx::query_scalar!(
        r#"
        update "Session" set "revokedAt" = clock_timestamp()
        where "userId" = $1 and "revokedAt" is null and id is distinct from $2
        returning id
        "#,
        identity.user_id,
        identity.session.id()
    )
    .fetch_all(&mut *connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    for session_id in ended {
        record_by_caller(connection, identity, origin, AuditEvent::SessionRevoked { session_id, reason })
            .await?;
    }
    Ok(())
}

/// Ends a session. Returns whether it had not ended yet.
async fn revoke(connection: &mut PgConnection, session_id: Uuid) -> Result<bool, ServiceError> {
    let revoked = sqlx::query!(
        r#"update "Session" set "revokedAt" = clock_timestamp() where id = $1 and "revokedAt" is null"#,
        session_id
    )
    .execute(connection)
    .instrumented("UPDATE Session")
    .await
    .map_err(db_error)?;
    Ok(revoked.rows_affected() == 1)
}

pub(super) async fn record_about(
    connection: &mut PgConnection,
    user: &User,
    actor: Option<Uuid>,
    origin: &Origin,
    event: AuditEvent,
) -> Result<(), ServiceError> {
    let entry = AuditEntry {
        organization_id: Some(user.organization_id),
        actor: Actor::Client { user_id: actor, origin },
        event,
        target: Some(AuditTarget::user(user.id)),
    };
    entry.record(connection).await.map_err(db_error)
}

/// Records what a caller did with their own account.
pub(super) async fn record_by_caller(
    connection: &mut PgConnection,
    identity: &Identity,
    origin: &Origin,
    event: AuditEvent,
) -> Result<(), ServiceError> {
    let entry = AuditEntry {
        organization_id: Some(identity.organization_id),
        actor: Actor::Client { user_id: Some(identity.user_id), origin },
        event,
        target: Some(AuditTarget::user(identity.user_id)),
    };
    entry.record(connection).await.map_err(db_error)
}
