//! All SQL of the service.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_db::{Database, Named, OnConstraint, Word, db_error};
use eventboard_domain::{AccountState, Identity, Membership, Obstacles, Refusal, Role};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::user::{Newcomer, Organization, User};

/// Users and organizations in PostgreSQL.
pub(crate) struct Store {
    database: Database,
}

/// A user with what a login is decided on.
pub(crate) struct Credentials {
    pub user: User,
    pub password_hash: String,
    pub state: AccountState,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// What stands in the way of the newcomer at this moment.
    pub(crate) async fn obstacles(&self, newcomer: &Newcomer) -> Result<Obstacles, ServiceError> {
        let (organization_id, slug) = match &newcomer.membership {
            Membership::Found { slug, .. } => (None, Some(slug)),
            Membership::Join(id) => (Some(id), None),
        };
        let mut lease = self.database.acquire().await?;
        let obstacles = sqlx::query_as!(
            Obstacles,
            r#"
            select
                (select "openSignup" from "Organization" where id = $1) as open_signup,
                exists (select from "Organization" where slug = $2) as "slug_taken!",
                exists (select from "User" where lower(email) = lower($3)) as "email_taken!"
            "#,
            organization_id as Option<&Uuid>,
            slug as Option<&String>,
            newcomer.email
        )
        .fetch_one(&mut *lease)
        .named("SELECT obstacles")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(obstacles)
    }

    /// Makes the newcomer a user, with the organization where one is founded: both or neither.
    ///
    /// # Errors
    /// When the e-mail address or the organization was taken, or the organization closed, since it
    /// was looked at.
    pub(crate) async fn create_user(
        &self,
        newcomer: Newcomer,
        password_hash: &str,
        deadline: Deadline,
    ) -> Result<User, ServiceError> {
        let mut lease = self.database.acquire().await?;
        let mut transaction = lease.begin(deadline).await?;
        let organization_id = match &newcomer.membership {
            Membership::Found { name, slug } => insert_organization(&mut transaction, name, slug).await?,
            Membership::Join(id) => *id,
        };
        let user = insert_user(&mut transaction, newcomer, organization_id, password_hash).await?;
        transaction.commit().named("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(user)
    }

    /// The user with the e-mail address, in whatever case it is written.
    pub(crate) async fn credentials(&self, email: &str) -> Result<Option<Credentials>, ServiceError> {
        let mut lease = self.database.acquire().await?;
        let row = sqlx::query!(
            r#"
            select id, email, "firstName", "lastName", role::text as "role!: Word<Role>", "organizationId", "createdAt",
                "passwordHash", disabled
            from "User"
            where lower(email) = lower($1)
            "#,
            email
        )
        .fetch_optional(&mut *lease)
        .named("SELECT credentials")
        .await
        .map_err(db_error)?;
        lease.release();
        let Some(row) = row else { return Ok(None) };
        let user = User {
            id: row.id,
            email: row.email,
            first_name: row.firstName,
            last_name: row.lastName,
            role: row.role.0,
            organization_id: row.organizationId,
            created_at: row.createdAt,
        };
        let state = if row.disabled { AccountState::Disabled } else { AccountState::Enabled };
        Ok(Some(Credentials { user, password_hash: row.passwordHash, state }))
    }

    /// Replaces a password's hash, unless another one has taken its place since it was read.
    pub(crate) async fn replace_hash(
        &self,
        user_id: Uuid,
        verified: &str,
        stronger: &str,
    ) -> Result<(), ServiceError> {
        let mut lease = self.database.acquire().await?;
        sqlx::query!(
            r#"update "User" set "passwordHash" = $3 where id = $1 and "passwordHash" = $2"#,
            user_id,
            verified,
            stronger
        )
        .execute(&mut *lease)
        .named("UPDATE password")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(())
    }

    /// The user of a token with the organization, or `None` when the user is gone or disabled, or has
    /// another role or organization than the token says.
    pub(crate) async fn member(
        &self,
        identity: &Identity,
    ) -> Result<Option<(User, Organization)>, ServiceError> {
        let mut lease = self.database.acquire().await?;
        let row = sqlx::query!(
            r#"
            select u.email, u."firstName", u."lastName", u."createdAt", o.name, o.slug
            from "User" u
            join "Organization" o on o.id = u."organizationId"
            where u.id = $1 and u."organizationId" = $2 and u.role = $3::text::"Role" and not u.disabled
            "#,
            identity.user_id,
            identity.organization_id,
            Word(identity.role) as _
        )
        .fetch_optional(&mut *lease)
        .named("SELECT member")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(row.map(|row| {
            let user = User {
                id: identity.user_id,
                email: row.email,
                first_name: row.firstName,
                last_name: row.lastName,
                role: identity.role,
                organization_id: identity.organization_id,
                created_at: row.createdAt,
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
        .named("INSERT Organization")
        .await
        .on_constraint("organization_slug_key", || {
            Refusal::OrganizationTaken { name: name.to_owned() }.into()
        })?;
    Ok(id)
}

/// Inserts the user where the rule of membership holds in this very statement: the organization is
/// open, or the user founds it in the same transaction.
async fn insert_user(
    connection: &mut PgConnection,
    newcomer: Newcomer,
    organization_id: Uuid,
    password_hash: &str,
) -> Result<User, ServiceError> {
    let id = Uuid::now_v7();
    let (role, founds) = (newcomer.membership.role(), newcomer.membership.founds());
    let created_at = sqlx::query_scalar!(
        r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select $1, id, $3, $4, $5, $6::text::"Role", $7
        from "Organization"
        where id = $2 and ("openSignup" or $8)
        returning "createdAt"
        "#,
        id,
        organization_id,
        newcomer.email,
        newcomer.first_name,
        newcomer.last_name,
        Word(role) as _,
        password_hash,
        founds
    )
    .fetch_optional(connection)
    .named("INSERT User")
    .await
    .on_constraint("user_email_key", || Refusal::EmailTaken.into())?
    .ok_or(Refusal::OrganizationClosed)?;
    Ok(User {
        id,
        email: newcomer.email,
        first_name: newcomer.first_name,
        last_name: newcomer.last_name,
        role,
        organization_id,
        created_at,
    })
}
