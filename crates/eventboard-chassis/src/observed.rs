//! How something ended, reported once, also when it was dropped before its end.
//!
//! A future is dropped when nobody waits for it any more: the client disconnected, or a deadline passed. Whatever stands
//! behind its `await` is then never reached, and only what is dropped with it can still take a measurement.

use std::marker::PhantomData;

/// Reports the outcome of something to `report`: `None` when this is dropped before there is one.
pub fn observe_end<T, F: FnOnce(Option<T>)>(report: F) -> Observed<T, F> {
    Observed { report: Some(report), outcome: PhantomData }
}

/// Something whose end is reported. See [`observe_end`].
#[must_use = "dropping it reports that there was no outcome"]
pub struct Observed<T, F: FnOnce(Option<T>)> {
    /// Taken by the one report.
    report: Option<F>,
    outcome: PhantomData<fn(T)>,
}

impl<T, F: FnOnce(Option<T>)> Observed<T, F> {
    /// Reports the outcome.
    pub fn finish(mut self, outcome: T) {
        self.end(Some(outcome));
    }

    fn end(&mut self, outcome: Option<T>) {
        if let Some(report) = self.report.take() {
            report(outcome);
        }
    }
}

impl<T, F: FnOnce(Option<T>)> Drop for Observed<T, F> {
    fn drop(&mut self) {
        self.end(None);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn an_outcome_is_reported_once() {
        let reports = RefCell::new(Vec::new());
        observe_end(|outcome| reports.borrow_mut().push(outcome)).finish("done");
        assert_eq!(*reports.borrow(), [Some("done")]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_has_no_outcome() {
        let reports = RefCell::new(Vec::new());
        let endless = async {
            let end = observe_end(|outcome: Option<()>| reports.borrow_mut().push(outcome));
            std::future::pending::<()>().await;
            end.finish(());
        };
        let given_up = tokio::time::timeout(std::time::Duration::from_secs(1), endless).await;
        assert!(given_up.is_err());
        assert_eq!(*reports.borrow(), [None]);
    }
}
