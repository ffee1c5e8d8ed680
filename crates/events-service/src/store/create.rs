//! Creates an event. One statement writes the key, the event, the history and the response.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_db::{InstrumentStatement, Lease, db_error};
use eventboard_domain::{Event, Refusal};
use eventboard_idempotency::{ResponseSource, ScopedKey, StoredResponse, load_response};

use super::event::insert;

/// Creates the event, or loads the stored response of the key.
///
/// # Errors
/// `Unauthenticated` when the caller's token is outdated.
pub(crate) async fn create(
    mut lease: Lease,
    event: &Event,
    response: &[u8],
    key: &ScopedKey,
    deadline: Deadline,
) -> Result<(StoredResponse, ResponseSource), ServiceError> {
    if lease.statement_timeout_covers(deadline) && insert(&mut lease, event, response, key).await? {
        // A single statement is a transaction of its own, so this saves two round trips.
        lease.release();
        return Ok((key.to_stored(response), ResponseSource::Performed));
    }
    let mut transaction = lease.begin(deadline).await?;
    let outcome = if insert(&mut transaction, event, response, key).await? {
        (key.to_stored(response), ResponseSource::Performed)
    } else {
        // The statement has locked a taken key, so its row exists. Without a row, the caller's token was outdated.
        let stored = load_response(&mut transaction, key).await?.ok_or(Refusal::TokenOutdated)?;
        (stored, ResponseSource::Database)
    };
    transaction.commit().instrumented("COMMIT").await.map_err(db_error)?;
    lease.release();
    Ok(outcome)
}
