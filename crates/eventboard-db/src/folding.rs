//! Folds the texts of events that a migration or a replica of the version before has left unfolded.

use std::time::{Duration, Instant};

use eventboard_domain::FoldedTexts;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{progress::Progress, statement::InstrumentStatement};

/// The size of the first batch.
const FIRST_BATCH_SIZE: u32 = 20;

/// The maximum size of a batch.
const MAX_BATCH_SIZE: u32 = 200;

/// The maximum number of bytes in the texts of a batch, unless it is one event. The indexes have an entry for each letter
/// and its neighbors, so long texts take long. Without this limit, the first long texts after short ones would take
/// seconds.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// About how long writing a batch should take. Meanwhile, changes of its events wait. The time for an event depends on
/// its texts and on the indexes, so the size of the next batch follows from the time for this one.
const BATCH_TIME: Duration = Duration::from_millis(100);

/// The delay before events are tried again that writers have locked.
const LOCKED_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Now and then, a write merges the list of pending entries into a GIN index. With the default of 4 MB, that can take
/// longer than a second.
const SHORT_PENDING_LISTS: &str = "set gin_pending_list_limit = '512kB'";

/// About how many events are not folded. PostgreSQL counted them when it built this index, unless it was built long ago.
const UNFOLDED: &str = r#"
    select case
        when reltuples > 0 then reltuples::bigint
        else (select count(*) from "Event" where "foldedVersion" is null)
    end
    from pg_class where oid = 'idx_events_unfolded'::regclass"#;

/// One pass over the events that are not folded, in batches. Several processes may do this at the same time.
#[derive(Debug)]
pub struct FoldingPass {
    /// The last event of the previous batch.
    last: Uuid,
    batch_size: u32,
}

/// The result of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldedBatch {
    /// This number of events was folded.
    Folded(u64),
    /// There are no further events.
    End,
}

impl FoldingPass {
    /// Begins with the first event. No event has the nil id.
    pub fn begin() -> Self {
        Self { last: Uuid::nil(), batch_size: FIRST_BATCH_SIZE }
    }

    /// Folds the next events. It waits for no writer: an event that somebody changes meanwhile is left to the next pass.
    /// Writers wait for the one statement that writes.
    ///
    /// # Errors
    /// When a statement fails or times out.
    pub async fn fold_batch(&mut self, connection: &mut PgConnection) -> sqlx::Result<FoldedBatch> {
        let mut events = sqlx::query_as!(
            UnfoldedEvent,
            r#"
            select id, title, description from "Event" where "foldedVersion" is null and id > $1 order by id limit $2
            "#,
            self.last,
            i64::from(self.batch_size),
        )
        .fetch_all(&mut *connection)
        .instrumented("SELECT unfolded Event")
        .await?;
        events.truncate(fitting(&events));
        let Some(last) = events.last() else { return Ok(FoldedBatch::End) };
        self.last = last.id;
        let started = Instant::now();
        let folded = write_folded(connection, events).await?;
        self.batch_size = next_batch_size(self.batch_size, started.elapsed());
        Ok(FoldedBatch::Folded(folded))
    }
}

/// An event that is not folded.
struct UnfoldedEvent {
    id: Uuid,
    title: String,
    description: String,
}

/// Folds the events, and writes the folded texts of those that still have the same texts and that nobody has locked.
/// Returns their number.
async fn write_folded(connection: &mut PgConnection, events: Vec<UnfoldedEvent>) -> sqlx::Result<u64> {
    let (mut ids, mut titles, mut descriptions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut folded_titles, mut search_texts) = (Vec::new(), Vec::new());
    for UnfoldedEvent { id, title, description } in events {
        let folded = FoldedTexts::new(&title, &description);
        ids.push(id);
        titles.push(title);
        descriptions.push(description);
        folded_titles.push(folded.title);
        search_texts.push(folded.search_text);
    }
    let written = sqlx::query!(
        r#"
        with unlocked as materialized (
            select id from "Event" where id = any ($1) and "foldedVersion" is null for no key update skip locked
        )
        update "Event" set "foldedTitle" = folded.folded_title, "searchText" = folded.search_text,
            "foldedVersion" = version
        from unlocked join unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
            as folded (id, title, description, folded_title, search_text) using (id)
        where "Event".id = unlocked.id and "Event".title = folded.title and "Event".description = folded.description
        "#,
        &ids,
        &titles,
        &descriptions,
        &folded_titles,
        &search_texts,
    )
    .execute(connection)
    .instrumented("FOLD Event")
    .await?;
    Ok(written.rows_affected())
}

/// The number of events that fit into a batch.
fn fitting(events: &[UnfoldedEvent]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&UnfoldedEvent| {
        bytes += event.title.len() + event.description.len();
        bytes <= MAX_BATCH_BYTES
    };
    // An event that is too long for a batch is a batch of its own.
    events.iter().take_while(fits).count().max(1)
}

/// The size at which a batch takes [`BATCH_TIME`], but at most twice the present one.
fn next_batch_size(size: u32, took: Duration) -> u32 {
    let ratio = (BATCH_TIME.as_secs_f64() / took.as_secs_f64()).min(2.0);
    ((f64::from(size) * ratio) as u32).clamp(1, MAX_BATCH_SIZE)
}

/// Folds all events that are not folded, and those that replicas of the version before write meanwhile.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn fold_all(connection: &mut PgConnection, progress: &mut Progress<'_>) -> sqlx::Result<()> {
    sqlx::raw_sql(SHORT_PENDING_LISTS).execute(&mut *connection).await?;
    let total: i64 = sqlx::query_scalar(UNFOLDED).fetch_one(&mut *connection).await?;
    let mut folded = 0;
    loop {
        let (mut pass, before, mut is_empty) = (FoldingPass::begin(), folded, true);
        while let FoldedBatch::Folded(of_batch) = pass.fold_batch(connection).await? {
            folded += of_batch;
            is_empty = false;
            progress.report(|| format!("Folding the texts of events: {folded} of about {total}"));
        }
        if is_empty {
            return Ok(());
        }
        if before == 0 {
            // Otherwise, the next pass would look up every entry of the index that this pass has made obsolete.
            sqlx::raw_sql(r#"vacuum "Event""#).execute(&mut *connection).await?;
        }
        if folded == before {
            tokio::time::sleep(LOCKED_RETRY_DELAY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_limited_number_of_bytes_and_at_least_one_event() {
        let event = |length| UnfoldedEvent {
            id: Uuid::nil(),
            title: "x".repeat(length / 2),
            description: "y".repeat(length / 2),
        };
        let lengths = |lengths: &[usize]| fitting(&lengths.iter().copied().map(event).collect::<Vec<_>>());
        assert_eq!(lengths(&[MAX_BATCH_BYTES / 2, MAX_BATCH_BYTES / 2, 2]), 2);
        assert_eq!(lengths(&[MAX_BATCH_BYTES + 2, 2]), 1);
        assert_eq!(lengths(&[100, MAX_BATCH_BYTES]), 1);
    }

    #[test]
    fn the_size_of_a_batch_follows_from_the_time_for_the_batch_before() {
        for (size, took, expected) in [
            (100, BATCH_TIME, 100),
            (100, BATCH_TIME * 4, 25),
            (50, BATCH_TIME / 10, 100),
            (150, BATCH_TIME / 2, MAX_BATCH_SIZE),
            (5, BATCH_TIME * 100, 1),
            (1, Duration::ZERO, 2),
        ] {
            assert_eq!(next_batch_size(size, took), expected, "{size} {took:?}");
        }
    }
}
