//! Inserts the demo data. Existing rows are not changed, and only missing rows are added.

mod data;
mod generated;

use std::{collections::HashMap, fmt};

use eventboard_db::{Actor, AuditEntry};
use eventboard_domain::{AuditEvent, EventStatus, FoldedTexts};
use sqlx::{Connection, PgConnection};
use thiserror::Error;
use uuid::Uuid;

use self::data::{EVENTS, Event, Id, ORGANIZATIONS, Organization, PASSWORD, PASSWORD_HASH, USERS, User};
pub(crate) use self::generated::generate;

/// What to do with demo events that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeletedEvents {
    /// Leaves them deleted. Used when the system starts, so that changes made by users are preserved.
    #[cfg(feature = "up")]
    Skip,
    /// Inserts them again. Used when an operator requests the demo data.
    Restore,
}

/// What the seed did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    added_organizations: u64,
    added_users: u64,
    added_events: u64,
    /// The number of rows that exist with the id of an earlier version.
    earlier: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added_organizations: organizations, added_users: users, added_events: events, earlier } =
            self;
        match (organizations, users, events) {
            (0, 0, 0) => f.write_str("The demo data already exists.")?,
            _ => {
                write!(f, "Demo data added: {organizations} organizations, {users} users, {events} events.")?;
            }
        }
        match earlier {
            0 => Ok(()),
            _ => f.write_str(" What an earlier version added stays as it is, with the ids of that version."),
        }
    }
}

/// The demo data could not be added. Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum SeedError {
    /// Somebody else uses a slug, an email address or an id of the demo data.
    #[error("{0}")]
    Refused(Refusal),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The demo data of this program is invalid.
    #[error(transparent)]
    Invalid(#[from] chrono::ParseError),
}

/// What somebody else uses. The passwords of the demo users are public, so they must not get into an organization that
/// the seed did not create.
#[derive(Debug)]
pub(crate) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, so nothing was changed: the passwords of the demo users are public", self.0)
    }
}

fn refuse(what: String) -> SeedError {
    SeedError::Refused(Refusal(what))
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

/// Adds the missing rows in one transaction. Rows are recognized by their ids. Existing rows are not changed.
///
/// # Errors
/// When a row that must be added has the slug or the email address of a row that the seed did not create, or when a demo
/// user or event is in an organization that the seed did not create. Then nothing is changed.
pub(crate) async fn seed(
    connection: &mut PgConnection,
    deleted: DeletedEvents,
) -> Result<Outcome, SeedError> {
    let mut transaction = connection.begin().await?;
    let mut outcome = Outcome::default();
    // The ids in this database: of the organizations by slug, and of the users by email address.
    let (mut organization_ids, mut owners) = (HashMap::new(), HashMap::new());
    for organization in &ORGANIZATIONS {
        let id = add_organization(&mut transaction, organization, &mut outcome).await?;
        organization_ids.insert(organization.slug, id);
    }
    for user in &USERS {
        let organization_id = organization_ids[user.organization];
        let id = add_user(&mut transaction, user, organization_id, &mut outcome).await?;
        owners.insert(user.email, Owner { id, organization_id });
    }
    for event in &EVENTS {
        add_event(&mut transaction, event, owners[event.owner], deleted, &mut outcome).await?;
    }
    if deleted == DeletedEvents::Restore && outcome.has_added() {
        record(&mut transaction, outcome.added_events).await?;
    }
    transaction.commit().await?;
    Ok(outcome)
}

/// The owner of a demo event.
#[derive(Clone, Copy)]
struct Owner {
    id: Uuid,
    organization_id: Uuid,
}

/// Records in the audit that the operator added data.
async fn record(connection: &mut PgConnection, events: u64) -> sqlx::Result<()> {
    let seeded = AuditEntry {
        organization_id: None,
        actor: Actor::Operator,
        event: AuditEvent::DataSeeded { events },
        target: None,
    };
    seeded.record(connection).await
}

impl Outcome {
    fn has_added(&self) -> bool {
        let Self { added_organizations, added_users, added_events, earlier: _ } = self;
        added_organizations + added_users + added_events > 0
    }

    fn count_earlier(&mut self, id: Uuid, ids: &Id) {
        self.earlier += u64::from(id == ids.earlier);
    }
}

/// Adds the organization if it is missing. Returns its id.
async fn add_organization(
    connection: &mut PgConnection,
    organization: &Organization,
    outcome: &mut Outcome,
) -> Result<Uuid, SeedError> {
    let Organization { id, slug, name } = organization;
    let added = sqlx::query!(
        r#"
        insert into "Organization" (id, name, slug, "openSignup")
        select $1, $2, $3, true where not exists (select from "Organization" where id = $4)
        on conflict do nothing
        "#,
        id.current,
        name,
        slug,
        id.earlier,
    );
    outcome.added_organizations += added.execute(&mut *connection).await?.rows_affected();
    let found = sqlx::query_scalar!(
        r#"select id from "Organization" where id in ($1, $2) order by id = $1 desc limit 1"#,
        id.current,
        id.earlier,
    );
    let Some(found) = found.fetch_optional(connection).await? else {
        return Err(refuse(format!("the organization {slug} was not created by the seed")));
    };
    outcome.count_earlier(found, id);
    Ok(found)
}

/// Adds the user if it is missing. Returns its id.
async fn add_user(
    connection: &mut PgConnection,
    user: &User,
    organization_id: Uuid,
    outcome: &mut Outcome,
) -> Result<Uuid, SeedError> {
    let User { id, organization, email, first_name, last_name, role } = user;
    let added = sqlx::query!(
        r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "emailVerifiedAt")
        select $1, $2, $3, $4, $5, $6::text::"Role", $7, now() where not exists (select from "User" where id = $8)
        on conflict do nothing
        "#,
        id.current,
        organization_id,
        email,
        first_name,
        last_name,
        role.as_str(),
        PASSWORD_HASH,
        id.earlier,
    );
    outcome.added_users += added.execute(&mut *connection).await?.rows_affected();
    let found = sqlx::query!(
        r#"
        select id, "organizationId" as organization_id from "User"
        where id in ($1, $2) order by id = $1 desc limit 1
        "#,
        id.current,
        id.earlier,
    );
    match found.fetch_optional(connection).await? {
        None => Err(refuse(format!("the user {email} was not created by the seed"))),
        Some(found) if found.organization_id != organization_id => {
            Err(refuse(format!("the demo user {email} is not in the demo organization {organization}")))
        }
        Some(found) => {
            outcome.count_earlier(found.id, id);
            Ok(found.id)
        }
    }
}

/// Adds the event with its history if it is missing.
async fn add_event(
    connection: &mut PgConnection,
    event: &Event,
    owner: Owner,
    deleted: DeletedEvents,
    outcome: &mut Outcome,
) -> Result<(), SeedError> {
    let Event { id, owner: _, title, description, location, start, end, status } = event;
    let FoldedTexts { title: folded_title, search_text } = FoldedTexts::new(title, description);
    let steps = steps_to(*status);
    let added = sqlx::query!(
        r#"
        with created as (
            insert into "Event" (id, "organizationId", "createdById", title, description, location,
                "startDate", "endDate", status, "createdAt", "updatedAt", version,
                "foldedTitle", "searchText", "foldedVersion")
            select $1, $2, $3, $4, $5, $6, $7, $8, $9::text::"EventStatus", now(), now(), cardinality($12::text[]),
                $15, $16, cardinality($12::text[])
            where not exists (select from "Event" where id = $10)
                and ($11 or not exists (select from "EventHistory" where "eventId" in ($1, $10)))
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
        id.current,
        owner.organization_id,
        owner.id,
        title,
        description,
        location,
        data::parse_time(start)?,
        data::parse_time(end)?,
        status.as_str(),
        id.earlier,
        deleted == DeletedEvents::Restore,
        &steps.iter().map(|step| step.action.to_owned()).collect::<Vec<_>>(),
        &steps.iter().map(|step| step.from.map(status_text)).collect::<Vec<_>>() as &[Option<String>],
        &steps.iter().map(|step| status_text(step.to)).collect::<Vec<_>>(),
        folded_title,
        search_text,
    );
    outcome.added_events += u64::from(added.fetch_one(&mut *connection).await?.count > 0);
    let found = sqlx::query!(
        r#"select id, "organizationId" as organization_id from "Event" where id in ($1, $2)"#,
        id.current,
        id.earlier,
    );
    for found in found.fetch_all(connection).await? {
        if found.organization_id != owner.organization_id {
            return Err(refuse(format!("the demo event {} is not in a demo organization", found.id)));
        }
        outcome.count_earlier(found.id, id);
    }
    Ok(())
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
