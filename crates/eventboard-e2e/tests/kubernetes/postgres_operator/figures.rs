//! The table of figures.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use eventboard_e2e::{
    load::{Outcome, Tally},
    report::publish,
};

use crate::faults::labels;

const HEADER: &str = "| fault | requests | failed | of which | acknowledged writes | of which lost | \
     seconds without writes | seconds until all instances work |\n|---|---|---|---|---|---|---|---|\n";

/// The rows of the table.
#[derive(Default)]
pub(crate) struct Figures(RefCell<String>);

impl Figures {
    /// Adds a row. All acknowledged writes must have been found in the database.
    pub(crate) fn add(&self, fault: &str, outcome: &Outcome, repaired: Option<Duration>) -> String {
        let tally = &outcome.tally;
        let writes = outcome.ledgers.iter().map(|ledger| ledger.created.len() + ledger.submitted.len());
        let row = format!(
            "| {fault} | {} | {} | {} | {} | 0 | {:.1} | {} |\n",
            tally.requests(),
            tally.failures.len(),
            labels(tally),
            writes.sum::<usize>(),
            without_writes(tally).as_secs_f64(),
            repaired.map_or_else(|| "–".to_owned(), |time| time.as_secs().to_string()),
        );
        *self.0.borrow_mut() += &row;
        row.trim().to_owned()
    }

    /// Prints the table, and saves it next to the other tables of figures.
    pub(crate) fn publish(&self) {
        publish(env!("CARGO_TARGET_TMPDIR"), "postgres-operator.md", HEADER, &self.0.borrow());
    }
}

/// The longest time without a successful write.
pub(crate) fn without_writes(tally: &Tally) -> Duration {
    let writes = tally.successes.iter().filter(|(_, kind)| kind.is_write()).map(|(at, _)| *at);
    let mut instants: Vec<Instant> = writes.chain([tally.began, tally.ended]).collect();
    instants.sort_unstable();
    instants.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
