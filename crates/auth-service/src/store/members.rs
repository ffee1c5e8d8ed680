//! The members of an organization, and the organization itself.

use chrono::{DateTime, Utc};
use eventboard_chassis::{error::ServiceError, fairness::Client, server::Deadline};
use eventboard_db::{AsText, InstrumentStatement, db_error};
use eventboard_domain::{Identity, OrganizationSettings, Role};
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Store;
use crate::{
    organization::{Member, MemberFilters, MemberPage, MemberPosition, MemberQuery, OrganizationDetails},
    user::Organization,
};

/// The columns of [`Row`].
const COLUMNS: &str = r#"id, email, "firstName" as first_name, "lastName" as last_name, role::text as role, disabled,
    "createdAt" as created_at, "emailVerifiedAt" as email_verified_at, version,
    lower("lastName") as sorted_last_name, lower("firstName") as sorted_first_name"#;

/// Settings for a search. PostgreSQL reads the index of words with a bitmap scan, and sorts what it finds.
const SEARCH_SETTINGS: &str = "set local enable_bitmapscan = on; set local enable_sort = on; set local plan_cache_mode = force_custom_plan";

/// One row of the list.
#[derive(FromRow)]
struct Row {
    id: Uuid,
    email: String,
    first_name: String,
    last_name: String,
    role: AsText<Role>,
    disabled: bool,
    created_at: DateTime<Utc>,
    email_verified_at: Option<DateTime<Utc>>,
    version: i64,
    sorted_last_name: String,
    sorted_first_name: String,
}

impl Store {
    /// Finds the organization of a token. `None` when the token is outdated.
    pub(crate) async fn find_organization(
        &self,
        identity: &Identity,
    ) -> Result<Option<OrganizationDetails>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(identity.organization_id)).await?;
        let row = sqlx::query!(
            r#"
            select organization.name, slug, "openSignup" as open_signup, organization."timeZone" as time_zone,
                organization."createdAt" as created_at, organization.version,
                (select count(*) from "User" member where member."organizationId" = organization.id) as "members!"
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
        .instrumented("SELECT Organization")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(row.map(|row| OrganizationDetails {
            organization: Organization {
                id: identity.organization_id,
                name: row.name.clone(),
                slug: row.slug,
            },
            settings: OrganizationSettings {
                name: row.name,
                open_signup: row.open_signup,
                time_zone: row.time_zone,
            },
            created_at: row.created_at,
            members: row.members,
            version: row.version,
        }))
    }

    /// Lists members of the organization, by last name and first name.
    pub(crate) async fn list_members(
        &self,
        organization_id: Uuid,
        query: &MemberQuery,
        deadline: Deadline,
    ) -> Result<MemberPage, ServiceError> {
        let is_behind_pooler = self.database.is_behind_pooler();
        let mut lease = self.database.acquire(Client::Organization(organization_id)).await?;
        let mut transaction = lease.begin(deadline).await?;
        if query.filters.search.is_some() {
            let set = sqlx::raw_sql(SEARCH_SETTINGS).execute(&mut *transaction);
            set.instrumented("SET").await.map_err(db_error)?;
        }
        let mut rows: Vec<Row> = list_statement(organization_id, query)
            .build_query_as()
            // Planned for its values: a plan for any search would be a bad one for most of them. A pooler supports only named
            // statements, and those are persistent.
            .persistent(is_behind_pooler)
            .fetch_all(&mut *transaction)
            .instrumented("SELECT members")
            .await
            .map_err(db_error)?;
        transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
        lease.release();
        let has_more = rows.len() > query.limit as usize;
        rows.truncate(query.limit as usize);
        let next = rows.last().filter(|_| has_more).map(|row| MemberPosition {
            last_name: row.sorted_last_name.clone(),
            first_name: row.sorted_first_name.clone(),
            id: row.id,
        });
        Ok(MemberPage { members: rows.into_iter().map(Member::from).collect(), next })
    }

    /// Finds a member of the organization.
    pub(crate) async fn find_member_by_id(
        &self,
        organization_id: Uuid,
        id: Uuid,
    ) -> Result<Option<Member>, ServiceError> {
        let mut lease = self.database.acquire(Client::Organization(organization_id)).await?;
        let mut statement = select_members(organization_id);
        statement.push(" and id = ").push_bind(id);
        let row: Option<Row> = statement
            .build_query_as()
            .fetch_optional(&mut *lease)
            .instrumented("SELECT member")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(row.map(Member::from))
    }
}

fn select_members(organization_id: Uuid) -> QueryBuilder<Postgres> {
    let mut statement =
        QueryBuilder::new(format!(r#"select {COLUMNS} from "User" where "organizationId" = "#));
    statement.push_bind(organization_id);
    statement
}

/// Each combination of filters is a statement of its own, so that PostgreSQL chooses the index that fits it.
fn list_statement(organization_id: Uuid, query: &MemberQuery) -> QueryBuilder<Postgres> {
    let MemberQuery { limit, after, filters: MemberFilters { search, role, disabled } } = query;
    let mut statement = select_members(organization_id);
    if let Some(role) = role {
        statement.push(" and role = ").push_bind(role.as_str()).push(r#"::"Role""#);
    }
    match disabled {
        Some(true) => statement.push(" and disabled"),
        Some(false) => statement.push(" and not disabled"),
        None => &mut statement,
    };
    if search.is_some() {
        // The index of words begins with it.
        statement.push(r#" and array["organizationId"] @> array["#).push_bind(organization_id).push("]");
    }
    for word in search.iter().flat_map(|search| search.split_whitespace()) {
        statement.push(r#" and lower(' ' || "firstName" || ' ' || "lastName" || ' ' || email) like lower("#);
        statement.push_bind(format!("% {}%", escape_like(word))).push(")");
    }
    if let Some(MemberPosition { last_name, first_name, id }) = after {
        statement.push(r#" and (lower("lastName"), lower("firstName"), id) > ("#);
        statement.push_bind(last_name).push(", ").push_bind(first_name).push(", ").push_bind(*id).push(")");
    }
    // A search sorts what it finds. In the order of the names, it would read all members before one whose name comes late.
    let last_name = if search.is_some() { r#"lower("lastName") || ''"# } else { r#"lower("lastName")"# };
    statement.push(format!(r#" order by {last_name}, lower("firstName"), id limit "#));
    // One row more than is shown, to detect whether more rows exist.
    statement.push_bind(i64::from(*limit) + 1);
    statement
}

/// Escapes the characters that have a meaning in a pattern of `like`.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

impl From<Row> for Member {
    fn from(row: Row) -> Self {
        let Row {
            id,
            email,
            first_name,
            last_name,
            role: AsText(role),
            disabled,
            created_at,
            email_verified_at,
            version,
            sorted_last_name: _,
            sorted_first_name: _,
        } = row;
        Self { id, email, first_name, last_name, role, disabled, created_at, email_verified_at, version }
    }
}
