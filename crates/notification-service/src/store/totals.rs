//! Counts the rows, for metrics.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{InstrumentStatement, db_error};

use super::Store;

/// Rows beyond this number are not counted, so that the cost of a count is bounded.
const MAX_COUNTED: i64 = 10_000;

/// What waits in the outbox. Counts stop at 10,000.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Totals {
    pub(crate) due: i64,
    pub(crate) dead: i64,
    /// The age of the oldest of the counted rows that wait, in seconds.
    pub(crate) oldest_due_age: f64,
}

impl Store {
    /// Counts the rows.
    pub(crate) async fn totals(&self) -> Result<Totals, ServiceError> {
        let mut lease = self.acquire().await?;
        let totals = sqlx::query_as!(
            Totals,
            r#"
            select due.count as "due!", dead.count as "dead!", due.age as "oldest_due_age!"
            from (
                select count(*), coalesce(extract(epoch from now() - min("createdAt")), 0)::float8 as age
                from (
                    select "createdAt" from "Outbox" where state = 'DUE' order by "dueAt" limit $1
                ) counted
            ) due, (
                select count(*) from (select from "Outbox" where state = 'DEAD' limit $1) counted
            ) dead
            "#,
            MAX_COUNTED,
        )
        .fetch_one(&mut *lease)
        .instrumented("COUNT Outbox")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(totals)
    }
}
