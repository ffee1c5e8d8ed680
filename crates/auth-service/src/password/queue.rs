//! A bounded number of jobs on threads of their own, and a bounded queue before them.

use std::{sync::Arc, time::Instant};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    metrics::Counted,
    server::shed_requests,
    traces::Span,
};
use metrics::{Counter, Gauge, Histogram};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

/// Runs CPU-bound jobs. Who finds the queue full is refused at once.
pub(super) struct Queue {
    /// One for each job that runs or waits.
    places: Arc<Semaphore>,
    /// One for each job that runs.
    turns: Arc<Semaphore>,
    meters: Meters,
}

/// What operators see of the queue.
struct Meters {
    waiting: Gauge,
    running: Gauge,
    refused: Counter,
    duration: Histogram,
}

impl Queue {
    /// At most `running` jobs at once, and `waiting` more that wait for them.
    pub(super) fn new(running: u32, waiting: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new((running + waiting) as usize)),
            turns: Arc::new(Semaphore::new(running as usize)),
            meters: Meters {
                waiting: metrics::gauge!("eventboard_password_hash_waiting"),
                running: metrics::gauge!("eventboard_password_hash_running"),
                refused: shed_requests("password_queue"),
                duration: metrics::histogram!("eventboard_password_hash_duration_seconds"),
            },
        }
    }

    /// Runs the job when its turn comes.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full.
    pub(super) async fn run<T, J>(&self, job: J) -> Result<T, ServiceError>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.full())?;
        let span = Span::internal("hash a password");
        let arrived = Instant::now();
        let turn = self.turn().await?;
        span.set("eventboard.waited_ms", || arrived.elapsed().as_secs_f64() * 1000.0);
        let (counted, duration) = (Counted::new(&self.meters.running), self.meters.duration.clone());
        let running = task::spawn_blocking(move || {
            // The job goes on when its caller hangs up, so it is the job that holds the permits.
            let _permits = (place, turn, counted);
            let started = Instant::now();
            let outcome = job();
            duration.record(started.elapsed());
            outcome
        });
        running.await.map_err(ServiceError::internal)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        let _waiting = Counted::new(&self.meters.waiting);
        Arc::clone(&self.turns).acquire_owned().await.map_err(ServiceError::internal)
    }

    fn full(&self) -> ServiceError {
        self.meters.refused.increment(1);
        ServiceError::new(
            ErrorCode::Overloaded,
            "Too many people sign up or log in right now. Try again shortly.",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    /// A job that runs until the sender is dropped.
    fn held() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (hold, held) = mpsc::channel::<()>();
        (hold, move || {
            let _ = held.recv();
        })
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn whoever_finds_the_queue_full_is_refused_at_once() {
        let queue = Arc::new(Queue::new(1, 1));
        let (hold, job) = held();
        let first = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(job).await }
        });
        until(|| queue.turns.available_permits() == 0).await;
        let second = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(|| "after the first").await }
        });
        until(|| queue.places.available_permits() == 0).await;

        let refused = queue.run(|| ()).await.expect_err("no place is left");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(hold);
        first.await.expect("no panic").expect("it had a turn");
        assert_eq!(second.await.expect("no panic").expect("it had a place"), "after the first");
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_frees_the_turn_only_when_the_job_ends() {
        let queue = Arc::new(Queue::new(1, 0));
        let (hold, job) = held();
        let caller = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(job).await }
        });
        until(|| queue.turns.available_permits() == 0).await;
        caller.abort();
        assert!(caller.await.is_err());
        assert!(queue.run(|| ()).await.is_err(), "the job still runs");
        drop(hold);
        until(|| queue.places.available_permits() == 1).await;
        assert!(queue.run(|| ()).await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_while_waiting_gives_the_place_back() {
        let queue = Arc::new(Queue::new(1, 1));
        let (_hold, job) = held();
        let running = Arc::clone(&queue);
        let running = tokio::spawn(async move { running.run(job).await });
        until(|| queue.turns.available_permits() == 0).await;
        let waiting = Arc::clone(&queue);
        let waiting = tokio::spawn(async move { waiting.run(|| ()).await });
        until(|| queue.places.available_permits() == 0).await;
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(queue.places.available_permits(), 1);
        drop(running);
    }

    #[tokio::test]
    async fn a_job_that_panics_is_a_defect_and_gives_its_turn_back() {
        let queue = Queue::new(1, 0);
        let error = queue.run(|| panic!("on purpose")).await.expect_err("it panicked");
        assert_eq!(error.code(), ErrorCode::Internal);
        assert!(queue.run(|| ()).await.is_ok());
    }
}
