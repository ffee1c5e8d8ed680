//! How long the calls of one client request take.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The time that one client request has spent in calls to each service, with all attempts.
#[derive(Debug, Clone, Default)]
pub struct CallTimings(Arc<Mutex<Vec<(&'static str, Duration)>>>);

impl CallTimings {
    /// Adds the duration of a call to this service.
    pub(crate) fn record(&self, service: &'static str, duration: Duration) {
        let mut timings = self.lock();
        match timings.iter_mut().find(|(name, _)| *name == service) {
            Some((_, total)) => *total += duration,
            None => timings.push((service, duration)),
        }
    }

    /// The services that were called, with the time spent in all calls to them.
    pub fn by_service(&self) -> Vec<(&'static str, Duration)> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_calls_to_a_service_are_added_up() {
        let timings = CallTimings::default();
        for (service, milliseconds) in [("a", 1), ("b", 10), ("a", 2)] {
            timings.clone().record(service, Duration::from_millis(milliseconds));
        }
        assert_eq!(timings.by_service(), [("a", Duration::from_millis(3)), ("b", Duration::from_millis(10))]);
    }
}
