//! Demo data: what is there already stays as it is, what is missing is added.

mod data;

use std::fmt;

use eventboard_domain::EventStatus;
use sqlx::{Connection, PgConnection};

use self::data::{EVENTS, Event, ORGANIZATIONS, Organization, PASSWORD, PASSWORD_HASH, USERS, User};

/// What becomes of a demo event that existed before and was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// For starts of the system, which keep what its users did.
    #[cfg(feature = "up")]
    StaysDeleted,
    /// For an operator who asks for the demo data.
    ComesBack,
}

/// How much was missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    organizations: u64,
    users: u64,
    events: u64,
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("The demo data are there already.");
        }
        let Self { organizations, users, events } = self;
        write!(f, "Demo data added: {organizations} organizations, {users} users, {events} events.")
    }
}

/// E-mail address and password of a demo user, for an example.
#[cfg(feature = "up")]
pub(crate) const LOGIN: [&str; 2] = [USERS[0].email, PASSWORD];

/// The demo users, for people.
pub(crate) fn logins() -> String {
    let line =
        |user: &User| format!("  {:<24} {:<10} {}\n", user.email, user.role.as_str(), user.organization);
    let lines: String = USERS.iter().map(line).collect();
    format!("Demo logins, password {PASSWORD}\n{lines}")
}

/// Adds what is missing, all of it or nothing.
pub(crate) async fn seed(connection: &mut PgConnection, deleted: Deleted) -> anyhow::Result<Added> {
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

/// Adds the event and, only with it, its history. The owner is found by e-mail address within the
/// organization: somebody may have taken the address, or the slug, before.
async fn add_event(connection: &mut PgConnection, event: &Event, deleted: Deleted) -> anyhow::Result<u64> {
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
        data::moment(event.start)?,
        data::moment(event.end)?,
        event.status.as_str(),
        i64::try_from(steps.len())?,
        deleted == Deleted::ComesBack,
        &steps.iter().map(|step| step.action.to_owned()).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.from.map(word)).collect::<Vec<_>>() as &[Option<String>],
        &steps.iter().map(|step| word(step.to)).collect::<Vec<_>>(),
    );
    Ok(u64::try_from(added.fetch_one(connection).await?.count)?)
}

/// What was done to an event, by its owner, until it reached its status.
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

fn steps_to(status: EventStatus) -> &'static [Step] {
    let last = STEPS.iter().position(|step| step.to == status).unwrap_or(0);
    &STEPS[..=last]
}

fn word(status: EventStatus) -> String {
    status.as_str().to_owned()
}
