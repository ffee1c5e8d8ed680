//! The metrics of the outbox.

use metrics::{Counter, Gauge};

use crate::store::Totals;

/// Counts attempts to deliver a mail by their outcome.
pub(crate) struct Deliveries {
    pub(crate) sent: Counter,
    /// There was nothing to tell any more.
    pub(crate) skipped: Counter,
    pub(crate) retried: Counter,
    pub(crate) dead: Counter,
}

impl Deliveries {
    pub(crate) fn new() -> Self {
        let counter = |outcome| metrics::counter!("eventboard_mail_deliveries_total", "outcome" => outcome);
        Self {
            sent: counter("sent"),
            skipped: counter("skipped"),
            retried: counter("retried"),
            dead: counter("dead"),
        }
    }
}

/// What waits in the outbox.
pub(crate) struct OutboxGauges {
    due: Gauge,
    dead: Gauge,
    oldest_due_age: Gauge,
}

impl OutboxGauges {
    pub(crate) fn new() -> Self {
        Self {
            due: metrics::gauge!("eventboard_outbox_due"),
            dead: metrics::gauge!("eventboard_outbox_dead"),
            oldest_due_age: metrics::gauge!("eventboard_outbox_oldest_due_age_seconds"),
        }
    }

    pub(crate) fn set(&self, totals: Totals) {
        let Totals { due, dead, oldest_due_age } = totals;
        self.due.set(due as f64);
        self.dead.set(dead as f64);
        self.oldest_due_age.set(oldest_due_age);
    }
}
