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
    /// How long the oldest of the counted rows has waited, in seconds: since it was written, or since an operator had it sent
    /// again.
    pub(crate) oldest_due_age: f64,
}

impl Store {
    /// Counts the rows. `pauses` has the seconds that have passed, by the number of attempts, when a row becomes due again.
    /// With them, the number of attempts tells when a row was due for the first time; the time of its creation would count
    /// the days in which a mail was dead.
    pub(crate) async fn totals(&self, pauses: &[f64]) -> Result<Totals, ServiceError> {
        let mut lease = self.acquire().await?;
        let totals = sqlx::query_as!(
            Totals,
            r#"
            select due.count as "due!", dead.count as "dead!", due.age as "oldest_due_age!"
            from (
                select count(*), greatest(0, max(least(
                    extract(epoch from now() - "createdAt")::float8,
                    ($2::float8[])[attempts + 1] + extract(epoch from now() - "dueAt")::float8
                ))) as age
                from (
                    select "createdAt", "dueAt", attempts from "Outbox" where state = 'DUE' order by "dueAt" limit $1
                ) counted
            ) due, (
                select count(*) from (select from "Outbox" where state = 'DEAD' limit $1) counted
            ) dead
            "#,
            MAX_COUNTED,
            pauses,
        )
        .fetch_one(&mut *lease)
        .instrumented("COUNT Outbox")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use eventboard_chassis::config::Env;
    use eventboard_db::{Database, DatabaseConfig};
    use eventboard_testing::TestDatabase;

    use super::*;
    use crate::worker::total_pauses;

    /// A row: its state, how many minutes ago it was written, its attempts, and the minutes until it is due.
    async fn totals(rows: &'static str) -> Totals {
        let test = TestDatabase::create().await;
        let insert = sqlx::AssertSqlSafe(format!(
            r#"insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", state, "createdAt", attempts,
                "dueAt", "finishedAt")
            select gen_random_uuid(), 'WELCOME', gen_random_uuid(), gen_random_uuid(), '', state,
                now() - make_interval(mins => age), attempts, now() + make_interval(mins => due),
                case when state <> 'DUE' then now() end
            from (values {rows}) data (state, age, attempts, due)"#
        ));
        sqlx::query(insert).execute(&mut test.connect().await).await.expect("rows");
        let url = [("DATABASE_URL".to_owned(), test.service_url().to_owned())];
        let database = Database::open(DatabaseConfig::from_env(&mut Env::from_iter(url), "tests"));
        database.prepare().await.expect("a database");
        Store::new(database).totals(&total_pauses()).await.expect("totals")
    }

    fn minutes(totals: Totals) -> f64 {
        (totals.oldest_due_age / 60.0).round()
    }

    #[tokio::test]
    async fn rows_are_counted_by_their_state() {
        let Totals { due, dead, oldest_due_age } = totals("('DEAD', 9, 1, 0), ('DONE', 9, 1, 0)").await;
        assert_eq!((due, dead, oldest_due_age), (0, 1, 0.0));
    }

    #[tokio::test]
    async fn a_mail_that_is_sent_again_and_again_waits_since_it_was_written() {
        assert_eq!(minutes(totals("('DUE', 40, 0, -40)").await), 40.0);
        // The sixth attempt failed after 16 minutes, and the pause of 16 minutes has begun.
        assert_eq!(minutes(totals("('DUE', 16, 6, 16), ('DUE', 1, 0, -1)").await), 16.0);
    }

    #[tokio::test]
    async fn a_mail_that_was_dead_waits_since_it_is_sent_again() {
        assert_eq!(minutes(totals("('DUE', 5000, 0, -2)").await), 2.0);
        assert_eq!(minutes(totals("('DUE', 5000, 1, 1)").await), 0.0);
        assert_eq!(minutes(totals("('DUE', 5000, 6, 16)").await), 16.0);
    }
}
