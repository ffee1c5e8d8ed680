//! All SQL of the service.

mod account;
mod audit;
mod changes;
mod emails;
mod invitations;
mod links;
mod members;
mod notifications;
mod passwords;
mod sessions;
mod throttle;

use std::time::Duration;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_db::{
    AccountMail, Actor, AsText, AuditEntry, Database, InstrumentStatement, OnConstraint, Recipient, db_error,
    insert_link, may_get_requested_mail,
};
use eventboard_domain::{
    AccountState, AuditEvent, AuditTarget, Identity, LinkPurpose, Membership, Refusal, Role,
    SignupPreconditions, normalize_email,
};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use self::{
    changes::ChangeTransaction,
    emails::NewEmail,
    links::{LinkedAccount, invalid_link},
    passwords::{NewPassword, PasswordChanged},
    sessions::Refreshed,
};
use self::{invitations::use_invitation, sessions::insert_session, throttle::remember_address};
use crate::{
    session::{NewSession, Session},
    throttle::ThrottleKey,
    user::{NewUser, Organization, User},
};

/// The constraints that no two accounts have the same address.
const EMAIL_KEYS: &[&str] = &["user_email_key", "user_normalized_email_key"];

/// Reads and writes users and organizations in PostgreSQL.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

/// What was found for an e-mail address.
pub(crate) struct FoundAccount {
    /// The address in the form in which addresses are compared.
    pub compared_email: String,
    pub account: Option<Account>,
}

/// A user together with the data that is checked at login.
pub(crate) struct Account {
    pub user: User,
    pub password_hash: String,
    /// How often the password was changed.
    pub password_version: i32,
    pub state: AccountState,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Reads the facts that decide whether a signup is allowed. Members are counted only if they decide: the
    /// organization is open and the address is free. The count stops at `max_members`, so that its cost is bounded.
    pub(crate) async fn signup_preconditions(
        &self,
        new_user: &NewUser,
        max_members: i64,
        client: Client,
    ) -> Result<SignupPreconditions, ServiceError> {
        let (organization_id, slug) = match &new_user.membership {
            Membership::NewOrganization { slug, .. } => (None, Some(slug)),
            Membership::ExistingOrganization(id) => (Some(id), None),
            Membership::Invitation { id: _, organization_id, role: _ } => (Some(organization_id), None),
        };
        let mut lease = self.database.acquire(client).await?;
        let preconditions = sqlx::query_as!(
            SignupPreconditions,
            r#"
            select open_signup, slug_taken as "slug_taken!", email_taken as "email_taken!",
                case when (open_signup or $6) and not email_taken then (
                    select count(*) from (select from "User" where "organizationId" = $1 limit $4) counted
                ) else 0 end as "members!"
            from (
                select (select "openSignup" from "Organization" where id = $1) as open_signup,
                    exists (select from "Organization" where slug = $2) as slug_taken,
                    exists (
                        select from "User"
                        where lower(email) = lower($3) or coalesce("normalizedEmail", lower(email)) = $5
                    ) as email_taken
            ) found
            "#,
            organization_id as Option<&Uuid>,
            slug as Option<&String>,
            new_user.email,
            max_members,
            normalize_email(&new_user.email),
            new_user.membership.is_invited(),
        )
        .fetch_one(&mut *lease)
        .instrumented("SELECT obstacles")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(preconditions)
    }

    /// Creates the user and, if requested, the organization, opens a session, records the signup and writes the welcome mail with
    /// the link that verifies the address, in one transaction.
    ///
    /// # Errors
    /// When a concurrent change took the e-mail address or the organization's name, or closed the organization.
    pub(crate) async fn create_user(
        &self,
        new_user: NewUser,
        password_hash: &str,
        new_session: NewSession<'_>,
        ThrottleKey { account: address, block }: ThrottleKey,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<(User, Session), ServiceError> {
        let created_organization = new_user.membership.creates_organization();
        let mut lease = self.database.acquire(Client::Address(block)).await?;
        let mut transaction = lease.begin(deadline).await?;
        let organization_id = match &new_user.membership {
            Membership::NewOrganization { name, slug } => {
                insert_organization(&mut transaction, name, slug).await?
            }
            Membership::ExistingOrganization(id) => *id,
            Membership::Invitation { id, organization_id, role: _ } => {
                use_invitation(&mut transaction, *organization_id, *id).await?;
                *organization_id
            }
        };
        let invitation_id = new_user.membership.invitation_id();
        let user = insert_user(&mut transaction, new_user, organization_id, password_hash).await?;
        let session = insert_session(&mut transaction, user.id, None, new_session, origin).await?;
        let session = session.ok_or_else(|| ServiceError::internal("the new user cannot log in"))?;
        remember_address(&mut transaction, user.id, block).await?;
        let signup = AuditEntry {
            organization_id: Some(organization_id),
            actor: Actor::Client { user_id: Some(user.id), origin },
            event: AuditEvent::SignedUp { role: user.role, created_organization },
            target: Some(AuditTarget::user(user.id)),
        };
        signup.record(&mut transaction).await.map_err(db_error)?;
        let link_id = match invitation_id {
            Some(invitation_id) => {
                let used = AuditEntry {
                    event: AuditEvent::InvitationUsed { role: user.role },
                    target: Some(AuditTarget::invitation(invitation_id)),
                    ..signup
                };
                used.record(&mut transaction).await.map_err(db_error)?;
                None
            }
            None => {
                let verification = LinkPurpose::VerifyEmail { email: user.email.clone() };
                Some(insert_link(&mut transaction, user.id, &verification).await.map_err(db_error)?)
            }
        };
        // Otherwise, somebody could fill a mailbox by signing up with its address again and again.
        if may_get_requested_mail(&mut transaction, &address).await? {
            let recipient = Recipient { organization_id, user_id: user.id };
            AccountMail::Welcome { link_id }
                .write(&mut transaction, recipient, &origin.correlation_id)
                .await?;
        }
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok((user, session))
    }

    /// Finds the account with the e-mail address. The wrong passwords of all spellings of an address are counted together.
    pub(crate) async fn find_account(
        &self,
        email: &str,
        client: Client,
    ) -> Result<FoundAccount, ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        let row = sqlx::query!(
            r#"
            select coalesce(account."normalizedEmail", lower(account.email), $2) as "compared!", account.id as "id?", account.email as "email?",
                account."firstName" as "first_name?", account."lastName" as "last_name?",
                account.role::text as "role?: AsText<Role>", account."organizationId" as "organization_id?",
                account."createdAt" as "created_at?", account."passwordHash" as "password_hash?",
                account."passwordVersion" as "password_version?", account."emailVerifiedAt" as email_verified_at,
                case when account."pendingEmailExpiresAt" > now() then account."pendingEmail" end as pending_email,
                account.language, account."timeZone" as time_zone, account.disabled as "disabled?"
            from (select) typed left join user_with_email($1, $2) account on true
            "#,
            email,
            normalize_email(email)
        )
        .fetch_one(&mut *lease)
        .instrumented("SELECT credentials")
        .await
        .map_err(db_error)?;
        lease.release();
        let account = || {
            let user = User {
                id: row.id?,
                email: row.email?,
                first_name: row.first_name?,
                last_name: row.last_name?,
                role: row.role?.0,
                organization_id: row.organization_id?,
                created_at: row.created_at?,
                email_verified_at: row.email_verified_at,
                pending_email: row.pending_email,
                language: row.language,
                time_zone: row.time_zone,
            };
            let state = if row.disabled? { AccountState::Disabled } else { AccountState::Enabled };
            let (password_hash, password_version) = (row.password_hash?, row.password_version?);
            Some(Account { user, password_hash, password_version, state })
        };
        Ok(FoundAccount { account: account(), compared_email: row.compared })
    }

    /// Replaces the password hash, unless it was changed after it was read.
    pub(crate) async fn replace_password_hash(
        &self,
        user_id: Uuid,
        old_hash: &str,
        new_hash: &str,
        client: Client,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire(client).await?;
        sqlx::query!(
            r#"update "User" set "passwordHash" = $3 where id = $1 and "passwordHash" = $2"#,
            user_id,
            old_hash,
            new_hash
        )
        .execute(&mut *lease)
        .instrumented("UPDATE password")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// Finds the user of a token and the user's organization. Returns `None` when the user was deleted or disabled,
    /// or has a role or organization that differs from the token.
    pub(crate) async fn find_member(
        &self,
        identity: &Identity,
    ) -> Result<Option<(User, Organization)>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let row = sqlx::query!(
            r#"
            select caller.email as "email!", caller."firstName" as "first_name!", caller."lastName" as "last_name!",
                caller."createdAt" as "created_at!", caller."emailVerifiedAt" as email_verified_at,
                case when caller."pendingEmailExpiresAt" > now() then caller."pendingEmail" end as pending_email,
                caller.language, caller."timeZone" as time_zone, organization.name, organization.slug
            from current_caller($1, $2, $3::text::"Role", $4, $5) caller
            join "Organization" organization on organization.id = caller."organizationId"
            "#,
            identity.user_id,
            identity.organization_id,
            AsText(identity.role) as _,
            identity.session.id(),
            identity.session.issued_at(),
        )
        .fetch_optional(&mut *lease)
        .instrumented("SELECT member")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(row.map(|row| {
            let user = User {
                id: identity.user_id,
                email: row.email,
                first_name: row.first_name,
                last_name: row.last_name,
                role: identity.role,
                organization_id: identity.organization_id,
                created_at: row.created_at,
                email_verified_at: row.email_verified_at,
                pending_email: row.pending_email,
                language: row.language,
                time_zone: row.time_zone,
            };
            (user, Organization { id: identity.organization_id, name: row.name, slug: row.slug })
        }))
    }
}

async fn insert_organization(
    connection: &mut PgConnection,
    name: &str,
    slug: &str,
) -> Result<Uuid, ServiceError> {
    let id = Uuid::now_v7();
    sqlx::query!(r#"insert into "Organization" (id, name, slug) values ($1, $2, $3)"#, id, name, slug)
        .execute(connection)
        .instrumented("INSERT Organization")
        .await
        .on_constraint(&["organization_slug_key"], || {
            Refusal::OrganizationNameTaken { name: name.to_owned() }.into()
        })?;
    Ok(id)
}

/// Inserts the user if the organization allows open signup, or the user is invited or has created it in the same transaction. The
/// statement itself checks this, so that it does not miss a concurrent change to the organization.
async fn insert_user(
    connection: &mut PgConnection,
    new_user: NewUser,
    organization_id: Uuid,
    password_hash: &str,
) -> Result<User, ServiceError> {
    let id = Uuid::now_v7();
    let (role, is_invited) = (new_user.membership.role(), new_user.membership.is_invited());
    let needs_open_signup = !is_invited && !new_user.membership.creates_organization();
    let inserted = sqlx::query!(
        r#"
        insert into "User"
            (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "normalizedEmail", "emailVerifiedAt")
        select $1, id, $3, $4, $5, $6::text::"Role", $7, nullif($9, lower($3)), case when $10 then now() end
        from "Organization"
        where id = $2 and ("openSignup" or not $8)
        returning "createdAt" as created_at, "emailVerifiedAt" as email_verified_at
        "#,
        id,
        organization_id,
        new_user.email,
        new_user.first_name,
        new_user.last_name,
        AsText(role) as _,
        password_hash,
        needs_open_signup,
        normalize_email(&new_user.email),
        is_invited,
    )
    .fetch_optional(connection)
    .instrumented("INSERT User")
    .await
    .on_constraint(EMAIL_KEYS, || Refusal::EmailTaken.into())?
    .ok_or(Refusal::OrganizationClosed)?;
    Ok(User {
        id,
        email: new_user.email,
        first_name: new_user.first_name,
        last_name: new_user.last_name,
        role,
        organization_id,
        created_at: inserted.created_at,
        email_verified_at: inserted.email_verified_at,
        pending_email: None,
        language: None,
        time_zone: None,
    })
}

/// A duration in seconds. A negative one is zero.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config;
    use eventboard_db::DatabaseConfig;
    use eventboard_testing::TestDatabase;

    use super::*;

    /// An organization that allows open signup, with three members.
    const CREATE_ORGANIZATION: &str = r#"
        insert into "Organization" (id, name, slug, "openSignup")
        values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme', true);
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select gen_random_uuid(), id, 'user' || number || '@example.org', 'F', 'L', 'USER', '$argon2id$'
        from "Organization", generate_series(1, 3) number
    "#;

    #[tokio::test]
    async fn members_are_counted_up_to_the_limit_and_only_if_they_decide() {
        let test_database = TestDatabase::create().await;
        let env = [("DATABASE_URL".to_owned(), test_database.url().to_owned())].into_iter().collect();
        let database = Database::open(
            config::read(env, |env| DatabaseConfig::from_env(env, "tests")).expect("a configuration"),
        );
        database.prepare().await.expect("a migrated database");
        let mut connection = test_database.connect().await;
        sqlx::raw_sql(CREATE_ORGANIZATION).execute(&mut connection).await.expect("an organization");
        let store = Store::new(database);
        let members = async |email: &str, max_members| {
            let new_user = NewUser {
                email: email.to_owned(),
                password: "Password123!".into(),
                first_name: "Ada".to_owned(),
                last_name: "Lovelace".to_owned(),
                membership: Membership::ExistingOrganization(Uuid::nil()),
            };
            let preconditions = store.signup_preconditions(&new_user, max_members, Client::Service);
            preconditions.await.expect("the preconditions").members
        };

        assert_eq!(members("ada@example.org", 2).await, 2);
        assert_eq!(members("ada@example.org", 10).await, 3);
        assert_eq!(members("User1@example.org", 10).await, 0, "the address is taken");
        let close = r#"update "Organization" set "openSignup" = false"#;
        sqlx::raw_sql(close).execute(&mut connection).await.expect("a closed organization");
        assert_eq!(members("ada@example.org", 10).await, 0, "closed");
    }
}
