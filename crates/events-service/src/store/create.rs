//! Creating: key, event, history and response in one statement.

use eventboard_chassis::{error::ServiceError, server::Deadline};
use eventboard_db::{Lease, Named, db_error};
use eventboard_domain::Event;
use eventboard_idempotency::{Key, Source, Stored, stored};

use super::event::insert;

/// Creates the event, or finds the response that its key stands for.
pub(crate) async fn create(
    mut lease: Lease,
    event: &Event,
    response: &[u8],
    key: &Key,
    deadline: Deadline,
) -> Result<(Stored, Source), ServiceError> {
    if lease.times_out_by(deadline) && insert(&mut lease, event, response, key).await? {
        // One statement is a transaction by itself, and two round trips less.
        lease.release();
        return Ok((key.stored(response), Source::Performed));
    }
    let mut transaction = lease.begin(deadline).await?;
    let outcome = if insert(&mut transaction, event, response, key).await? {
        (key.stored(response), Source::Performed)
    } else {
        (stored(&mut transaction, key).await?, Source::Database)
    };
    transaction.commit().named("COMMIT").await.map_err(db_error)?;
    lease.release();
    Ok(outcome)
}
