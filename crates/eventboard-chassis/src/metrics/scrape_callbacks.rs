//! Callbacks that set gauges at each scrape, so that these gauges cost nothing between scrapes.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sets gauges. Returns false when the observed object no longer exists.
type Callback = Box<dyn Fn() -> bool + Send>;

/// The callbacks of this process.
static CALLBACKS: ScrapeCallbacks = ScrapeCallbacks::new();

/// Runs `callback` before each scrape, until it returns false because the object that it observes no longer exists.
/// The callback must not call this function: that would deadlock.
pub fn at_each_scrape(callback: impl Fn() -> bool + Send + 'static) {
    CALLBACKS.add(callback);
}

/// Runs all callbacks of this process.
pub(crate) fn run_scrape_callbacks() {
    CALLBACKS.run();
}

struct ScrapeCallbacks(Mutex<Vec<Callback>>);

impl ScrapeCallbacks {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn add(&self, callback: impl Fn() -> bool + Send + 'static) {
        self.lock().push(Box::new(callback));
    }

    fn run(&self) {
        self.lock().retain(|callback| callback());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Callback>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[test]
    fn a_callback_runs_at_each_scrape_until_its_object_is_dropped() {
        let (callbacks, runs) = (ScrapeCallbacks::new(), Arc::new(AtomicU32::new(0)));
        let weak_runs = Arc::downgrade(&runs);
        callbacks.add(move || {
            weak_runs.upgrade().inspect(|runs| _ = runs.fetch_add(1, Ordering::Relaxed)).is_some()
        });
        callbacks.run();
        callbacks.run();
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        drop(runs);
        callbacks.run();
        assert!(callbacks.lock().is_empty());
    }
}
