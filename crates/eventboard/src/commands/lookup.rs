//! Finds what an argument of a command names.

use anyhow::Context;
use eventboard_domain::normalize_email;
use sqlx::PgConnection;
use uuid::Uuid;

/// An organization that was found by its slug.
pub(super) struct FoundOrganization {
    pub id: Uuid,
    /// As stored, which may differ from the argument.
    pub slug: String,
}

/// A user who was found by the email address.
pub(super) struct FoundUser {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// As stored, which may differ from the argument in letter case.
    pub email: String,
}

/// Finds an organization by its slug. A terminal may encode accents in another way than the slug does, so the slug is also
/// searched in its normal form.
///
/// # Errors
/// When there is no such organization.
pub(super) async fn find_organization(
    connection: &mut PgConnection,
    slug: &str,
) -> anyhow::Result<FoundOrganization> {
    let organization = sqlx::query_as!(
        FoundOrganization,
        r#"select id, slug from "Organization" where slug in ($1, $2) order by slug = $1 desc limit 1"#,
        slug,
        eventboard_domain::slug(slug),
    );
    organization.fetch_optional(connection).await?.with_context(|| no_organization(slug))
}

/// Finds a user by the email address.
///
/// # Errors
/// When no user has it.
pub(super) async fn find_user(connection: &mut PgConnection, email: &str) -> anyhow::Result<FoundUser> {
    let user = sqlx::query_as!(
        FoundUser,
        r#"
        select id as "id!", "organizationId" as "organization_id!", email as "email!" from user_with_email($1, $2)
        "#,
        email,
        normalize_email(email),
    );
    user.fetch_optional(connection).await?.with_context(|| no_user(email))
}

/// The error message for a slug that does not exist.
pub(super) fn no_organization(slug: &str) -> String {
    format!("there is no organization {slug}; `eventboard org list` lists all organizations")
}

/// The error message for an email address that does not exist.
pub(super) fn no_user(email: &str) -> String {
    format!("there is no user {email}; `eventboard user list` lists all users")
}
