//! A drop guard that reports the outcome of an operation exactly once, even when the operation is cancelled.
//!
//! A future is dropped when its caller stops waiting: the client disconnected, or a deadline passed. The code after
//! the current `await` then never runs, so only a destructor can still record metrics.

use std::marker::PhantomData;

/// Returns a guard that calls `report` with the outcome, or with `None` when the guard is dropped without an outcome.
pub fn observe_outcome<T, F: FnOnce(Option<T>)>(report: F) -> OutcomeGuard<T, F> {
    OutcomeGuard { report: Some(report), outcome: PhantomData }
}

/// A guard that reports an outcome once. See [`observe_outcome`].
#[must_use = "dropping it reports that there was no outcome"]
pub struct OutcomeGuard<T, F: FnOnce(Option<T>)> {
    /// `None` after the report.
    report: Option<F>,
    outcome: PhantomData<fn(T)>,
}

impl<T, F: FnOnce(Option<T>)> OutcomeGuard<T, F> {
    /// Reports the outcome.
    pub fn finish(mut self, outcome: T) {
        self.report_once(Some(outcome));
    }

    fn report_once(&mut self, outcome: Option<T>) {
        if let Some(report) = self.report.take() {
            report(outcome);
        }
    }
}

impl<T, F: FnOnce(Option<T>)> Drop for OutcomeGuard<T, F> {
    fn drop(&mut self) {
        self.report_once(None);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn an_outcome_is_reported_once() {
        let reports = RefCell::new(Vec::new());
        observe_outcome(|outcome| reports.borrow_mut().push(outcome)).finish("done");
        assert_eq!(*reports.borrow(), [Some("done")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_operation_reports_no_outcome() {
        let reports = RefCell::new(Vec::new());
        let endless = async {
            let guard = observe_outcome(|outcome: Option<()>| reports.borrow_mut().push(outcome));
            std::future::pending::<()>().await;
            guard.finish(());
        };
        let result = tokio::time::timeout(std::time::Duration::from_secs(1), endless).await;
        assert!(result.is_err());
        assert_eq!(*reports.borrow(), [None]);
    }
}
