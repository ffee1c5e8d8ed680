//! Creating: key, event, history and response in one statement.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_db::{Named, OnConstraint, Word, db_error};
use eventboard_domain::{Event, HistoryAction};
use eventboard_idempotency::{Key, Source, Stored, stored, with_claim_statement};
use sqlx::PgConnection;

use super::Store;

impl Store {
    /// Creates the event, or finds the response that its key stands for.
    pub(crate) async fn create(
        &self,
        event: &Event,
        response: &[u8],
        key: &Key,
        deadline: Deadline,
    ) -> Result<(Stored, Source), ServiceError> {
        let mut lease = self.database.acquire().await?;
        if lease.times_out_by(deadline) && create(&mut lease, event, response, key).await? {
            // One statement is a transaction by itself, and two round trips less.
            lease.release();
            return Ok((key.stored(response), Source::Performed));
        }
        let mut transaction = lease.begin(deadline).await?;
        let outcome = if create(&mut transaction, event, response, key).await? {
            (key.stored(response), Source::Performed)
        } else {
            (stored(&mut transaction, key).await?, Source::Database)
        };
        transaction.commit().named("COMMIT").await.map_err(db_error)?;
        lease.release();
        Ok(outcome)
    }
}

/// The statement that claims a key, with its response ($1 to $8), and what happens only where the key was free.
macro_rules! create_statement {
    ($claim:literal $($value:expr),+ $(,)?) => {
        sqlx::query!(
            "with claimed as (" + $claim + r#" returning 1
            ), created as (
                insert into "Event" (id, "organizationId", "createdById", title, description, location,
                    "startDate", "endDate", status, "createdAt", "updatedAt", version)
                select $9::uuid, $10::uuid, $11::uuid, $12, $13, $14, $15::timestamptz, $16::timestamptz,
                    $17::text::"EventStatus", $18::timestamptz, $19::timestamptz, $20::bigint
                from claimed
                returning id, "organizationId", "createdById", status
            ), recorded as (
                insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
                select id, "organizationId", "createdById", $21, status from created
            )
            select 1 as claimed from claimed
            "#,
            $($value),+
        )
    };
}

/// Whether the key was free, and the event created.
async fn create(
    connection: &mut PgConnection,
    event: &Event,
    response: &[u8],
    key: &Key,
) -> Result<bool, ServiceError> {
    let Event {
        id,
        organization_id,
        created_by_id,
        title,
        description,
        location,
        start_date,
        end_date,
        status,
        // Nobody has rejected it yet.
        rejection_reason: _,
        created_at,
        updated_at,
        version,
    } = event;
    let claimed = with_claim_statement!(
        create_statement!
        key.caller_id,
        key.operation.service,
        key.operation.method,
        key.key,
        &key.fingerprint[..],
        key.request_id,
        response,
        key.lifetime.as_secs_f64(),
        id,
        organization_id,
        created_by_id,
        title,
        description,
        location.as_deref(),
        start_date,
        end_date,
        Word(*status) as _,
        created_at,
        updated_at,
        version,
        Word(HistoryAction::Create) as _,
    )
    .fetch_optional(connection)
    .named("INSERT Event")
    .await
    // The owner was deleted while the token lived.
    .on_constraint("event_owner_fkey", ServiceError::unauthenticated)?;
    Ok(claimed.is_some())
}
