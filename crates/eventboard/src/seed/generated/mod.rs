//! Organizations with many generated events, which show how fast lists and searches are. Everything is written in one
//! transaction, so an interrupted seed leaves nothing.

mod copy;
mod events;
mod indexes;
mod members;
mod plan;
mod texts;

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::ensure;
use chrono::{SubsecRound, Utc};
use sqlx::{Connection, PgConnection};

use self::{copy::Rows, events::Events, members::Organization, plan::Plan};
use super::{data::PASSWORD, record};
use crate::output;

/// So many events are written at a time: about a megabyte.
const BATCH: u32 = 1_000;

/// So many organizations are written at a time, with their users.
const ORGANIZATION_BATCH: usize = 1_000;

/// How often the progress is shown until all events are written.
const REPORTS: u32 = 20;

/// What was generated. Displays the logins.
#[derive(Debug)]
pub(crate) struct Generated {
    plan: Plan,
    users: u64,
    took: Duration,
}

/// Adds so many events in so many organizations. Then PostgreSQL knows how many rows there are, and can count them in
/// its indexes alone.
///
/// # Errors
/// When there are more organizations than events, or generated organizations exist already. Then nothing is changed.
pub(crate) async fn generate(
    connection: &mut PgConnection,
    events: u32,
    organizations: u32,
) -> anyhow::Result<Generated> {
    ensure!(organizations <= events, "there must be at least as many events as organizations");
    let (plan, began) = (Plan::new(events, organizations), Instant::now());
    let mut transaction = connection.begin().await?;
    ensure_absent(&mut transaction, Organization::new(&plan, 1)).await?;
    let indexes = indexes::drop_all(&mut transaction).await?;
    if indexes.is_empty() {
        output::notice(
            "The indexes stay, which takes longer: there are events already, or the role may not change the schema.",
        );
    }
    let users = write_members(&mut transaction, &plan).await?;
    write_events(&mut transaction, plan).await?;
    sqlx::raw_sql("set local maintenance_work_mem = '512MB'").execute(&mut *transaction).await?;
    for (number, index) in (1..).zip(&indexes) {
        output::notice(&format!("Building index {number} of {}: {}", indexes.len(), index.name));
        indexes::build(&mut transaction, index).await?;
    }
    record(&mut transaction, events.into()).await?;
    transaction.commit().await?;
    output::notice("Vacuuming and analyzing the tables");
    // PostgreSQL skips tables of another role.
    sqlx::raw_sql(r#"vacuum (analyze) "Organization", "User", "Event", "EventHistory""#)
        .execute(connection)
        .await?;
    Ok(Generated { plan, users, took: began.elapsed() })
}

async fn ensure_absent(connection: &mut PgConnection, organization: Organization) -> anyhow::Result<()> {
    let exists: bool =
        sqlx::query_scalar(r#"select exists (select from "Organization" where id = $1 or slug = $2)"#)
            .bind(organization.id())
            .bind(organization.slug())
            .fetch_one(connection)
            .await?;
    let slug = organization.slug();
    ensure!(
        !exists,
        "the organization {slug} exists already, so nothing was changed: a database can get generated events only once"
    );
    Ok(())
}

/// Writes the organizations and their users. Returns the number of users.
async fn write_members(connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<u64> {
    let (mut organizations, mut users, mut count) = (Rows::default(), Rows::default(), 0);
    let numbers: Vec<u32> = (1..=plan.organizations).collect();
    for batch in numbers.chunks(ORGANIZATION_BATCH) {
        for organization in batch.iter().map(|number| Organization::new(plan, *number)) {
            members::add(organization, &mut organizations, &mut users);
            count += u64::from(organization.users());
        }
        organizations.copy_to(connection, members::ORGANIZATION_COLUMNS).await?;
        users.copy_to(connection, members::USER_COLUMNS).await?;
    }
    Ok(count)
}

async fn write_events(connection: &mut PgConnection, plan: Plan) -> sqlx::Result<()> {
    let mut generated = Events::new(plan, Utc::now().trunc_subsecs(3));
    let (mut events, mut history) = (Rows::default(), Rows::default());
    let mut reports = 0;
    while generated.count() < plan.events {
        for _ in 0..BATCH.min(plan.events - generated.count()) {
            generated.add_next(&mut events, &mut history);
        }
        events.copy_to(connection, events::EVENT_COLUMNS).await?;
        history.copy_to(connection, events::HISTORY_COLUMNS).await?;
        let due = u64::from(generated.count()) * u64::from(REPORTS) / u64::from(plan.events);
        if due > reports {
            output::notice(&format!("{} of {} events written", generated.count(), plan.events));
            reports = due;
        }
    }
    Ok(())
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, users, took } = self;
        let Plan { events, organizations, .. } = plan;
        writeln!(
            f,
            "Generated data added in {:.1} s: {organizations} organizations, {users} users, {events} events.",
            took.as_secs_f64()
        )?;
        writeln!(f, "Logins, password {PASSWORD}")?;
        for number in 1..=2.min(*organizations) {
            let organization = Organization::new(plan, number);
            for (email, role) in organization.logins() {
                let (slug, events) = (organization.slug(), organization.events);
                writeln!(f, "  {email:<32} {:<10} {slug} ({events} events)", role.as_str())?;
            }
        }
        Ok(())
    }
}
