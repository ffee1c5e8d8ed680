//! Gauges that are read when somebody asks for them, so that keeping them costs nothing meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sets its gauges; false when what it looks at is gone.
type Sampler = Box<dyn Fn() -> bool + Send>;

/// Those of this process.
static SAMPLERS: Samplers = Samplers::new();

/// Runs `sampler` before each scrape, until it answers false because what it looks at is gone. It must not call this itself.
pub fn at_each_scrape(sampler: impl Fn() -> bool + Send + 'static) {
    SAMPLERS.add(sampler);
}

/// Reads what is read at each scrape.
pub(crate) fn run_samplers() {
    SAMPLERS.run();
}

struct Samplers(Mutex<Vec<Sampler>>);

impl Samplers {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn add(&self, sampler: impl Fn() -> bool + Send + 'static) {
        self.lock().push(Box::new(sampler));
    }

    fn run(&self) {
        self.lock().retain(|sampler| sampler());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sampler>> {
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
    fn a_sampler_runs_at_each_scrape_until_what_it_looks_at_is_gone() {
        let (samplers, looked_at) = (Samplers::new(), Arc::new(AtomicU32::new(0)));
        let watched = Arc::downgrade(&looked_at);
        samplers.add(move || {
            watched.upgrade().inspect(|count| _ = count.fetch_add(1, Ordering::Relaxed)).is_some()
        });
        samplers.run();
        samplers.run();
        assert_eq!(looked_at.load(Ordering::Relaxed), 2);
        drop(looked_at);
        samplers.run();
        assert!(samplers.lock().is_empty());
    }
}
