//! Inserts the demo data. Existing rows are not changed, and only missing rows are added.

mod data;

use std::fmt;

use eventboard_domain::EventStatus;
use sqlx::{Connection, PgConnection};

use self::data::{EVENTS, Event, ORGANIZATIONS, Organization, PASSWORD, PASSWORD_HASH, USERS, User};

/// What to do with demo events that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeletedEvents {
    /// Leaves them deleted. Used when the system starts, so that changes made by users are preserved.
    #[cfg(feature = "up")]
    Skip,
    /// Inserts them again. Used when an operator requests the demo data.
    Restore,
}

/// The number of rows that were added.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    organizations: u64,
    users: u64,
    events: u64,
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("The demo data already exists.");
        }
        let Self { organizations, users, events } = self;
        write!(f, "Demo data added: {organizations} organizations, {users} users, {events} events.")
    }
}

/// Email address and password of a demo user, for the example in the banner.
#[cfg(feature = "up")]
pub(crate) const EXAMPLE_LOGIN: [&str; 2] = [USERS[0].email, PASSWORD];

/// A readable list of the demo users and their password.
pub(crate) fn login_table() -> String {
    let line =
        |user: &User| format!("  {:<24} {:<10} {}\n", user.email, user.role.as_str(), user.organization);
    let lines: String = USERS.iter().map(line).collect();
    format!("Demo logins, password {PASSWORD}\n{lines}")
}

/// Adds the missing rows in one transaction.
pub(crate) async fn seed(connection: &mut PgConnection, deleted: DeletedEvents) -> anyhow::Result<Added> {
    let mut transaction = connection.begin().await?;
    let mut added = Added::default();
    for organization in &ORGANIZATIONS {
        added.organizations += add_organization(&mut transaction, organization).await?;
    }
    for user in &USERS {
        added.users += add_user(&mut transaction, user).await?;
    }
    for event in &EVENTS {
        added.events += add_event(&mut transaction, event, deleted).await?;
    }
    transaction.commit().await?;
    Ok(added)
}

async fn add_organization(connection: &mut PgConnection, organization: &Organization) -> sqlx::Result<u64> {
    let added = sqlx::query!(
        r#"
        insert into "Organization" (id, name, slug, "openSignup") values ($1, $2, $3, true)
        on conflict do nothing
        "#,
        organization.id,
        organization.name,
        organization.slug,
    );
    Ok(added.execute(connection).await?.rows_affected())
}

async fn add_user(connection: &mut PgConnection, user: &User) -> sqlx::Result<u64> {
    let added = sqlx::query!(
        r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select $1, id, $3, $4, $5, $6::text::"Role", $7 from "Organization" where slug = $2
        on conflict do nothing
        "#,
        user.id,
        user.organization,
        user.email,
        user.first_name,
        user.last_name,
        user.role.as_str(),
        PASSWORD_HASH,
    );
    Ok(added.execute(connection).await?.rows_affected())
}

/// Adds the event together with its history. Does nothing if the email address does not belong to a user of the
/// organization, because another user may have registered the address or the slug before.
async fn add_event(
    connection: &mut PgConnection,
    event: &Event,
    deleted: DeletedEvents,
) -> anyhow::Result<u64> {
    let steps = steps_to(event.status);
    let added = sqlx::query!(
        r#"
        with created as (
            insert into "Event" (id, "organizationId", "createdById", title, description, location,
                "startDate", "endDate", status, "createdAt", "updatedAt", version)
            select $1, "User"."organizationId", "User".id, $4, $5, $6, $7, $8, $9::text::"EventStatus", now(), now(), $10
            from "User" join "Organization" on "Organization".id = "organizationId"
            where lower(email) = $2 and slug = $3
                and ($11 or not exists (select from "EventHistory" where "eventId" = $1))
            on conflict do nothing
            returning id, "organizationId", "createdById"
        ), recorded as (
            insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus")
            select created.id, "organizationId", "createdById", action, "from"::"EventStatus", "to"::"EventStatus"
            from created, unnest($12::text[], $13::text[], $14::text[]) with ordinality as step (action, "from", "to", at)
            order by step.at
        )
        select count(*) as "count!" from created
        "#,
        event.id,
        event.owner,
        event.organization,
        event.title,
        event.description,
        event.location,
        data::parse_time(event.start)?,
        data::parse_time(event.end)?,
        event.status.as_str(),
        i64::try_from(steps.len())?,
        deleted == DeletedEvents::Restore,
        &steps.iter().map(|step| step.action.to_owned()).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.from.map(status_text)).collect::<Vec<_>>() as &[Option<String>],
        &steps.iter().map(|step| status_text(step.to)).collect::<Vec<_>>(),
    );
    Ok(u64::try_from(added.fetch_one(connection).await?.count)?)
}

/// One action in the history of a demo event, performed by its owner.
struct Step {
    action: &'static str,
    from: Option<EventStatus>,
    to: EventStatus,
}

const STEPS: [Step; 3] = [
    Step { action: "CREATE", from: None, to: EventStatus::Draft },
    Step { action: "SUBMIT", from: Some(EventStatus::Draft), to: EventStatus::Submitted },
    Step { action: "APPROVE", from: Some(EventStatus::Submitted), to: EventStatus::Approved },
];

/// The steps that lead to this status.
fn steps_to(status: EventStatus) -> &'static [Step] {
    let last = STEPS.iter().position(|step| step.to == status).unwrap_or(0);
    &STEPS[..=last]
}

fn status_text(status: EventStatus) -> String {
    status.as_str().to_owned()
}
