//! Runs a bounded number of jobs on blocking threads. Further jobs wait in a bounded queue.

use std::{sync::Arc, time::Instant};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    metrics::GaugeGuard,
    server::shed_requests,
    traces::Span,
};
use metrics::{Counter, Gauge, Histogram};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task,
};

/// Runs CPU-bound jobs. When the queue is full, a job fails immediately with `Overloaded`.
pub(super) struct Queue {
    /// One permit per job that runs or waits.
    slots: Arc<Semaphore>,
    /// One permit per job that runs.
    workers: Arc<Semaphore>,
    metrics: QueueMetrics,
}

/// The metrics of the queue.
struct QueueMetrics {
    waiting: Gauge,
    running: Gauge,
    refused: Counter,
    duration: Histogram,
}

impl Queue {
    /// Creates a queue that runs at most `running` jobs at the same time and lets at most `waiting` more jobs wait.
    pub(super) fn new(running: u32, waiting: u32) -> Self {
        Self {
            slots: Arc::new(Semaphore::new((running + waiting) as usize)),
            workers: Arc::new(Semaphore::new(running as usize)),
            metrics: QueueMetrics {
                waiting: metrics::gauge!("eventboard_password_hash_waiting"),
                running: metrics::gauge!("eventboard_password_hash_running"),
                refused: shed_requests("password_queue"),
                duration: metrics::histogram!("eventboard_password_hash_duration_seconds"),
            },
        }
    }

    /// Runs the job as soon as a worker is free.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full.
    pub(super) async fn run<T, J>(&self, job: J) -> Result<T, ServiceError>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| self.refuse())?;
        let span = Span::internal("hash a password");
        let queued_at = Instant::now();
        let worker = self.acquire_worker().await?;
        span.set("eventboard.waited_ms", || queued_at.elapsed().as_secs_f64() * 1000.0);
        let (counted, duration) = (GaugeGuard::new(&self.metrics.running), self.metrics.duration.clone());
        let running = task::spawn_blocking(move || {
            // The job continues even when its caller disconnects, so the job itself holds the permits.
            let _permits = (slot, worker, counted);
            let started = Instant::now();
            let outcome = job();
            duration.record(started.elapsed());
            outcome
        });
        running.await.map_err(ServiceError::internal)
    }

    async fn acquire_worker(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        let _waiting = GaugeGuard::new(&self.metrics.waiting);
        Arc::clone(&self.workers).acquire_owned().await.map_err(ServiceError::internal)
    }

    fn refuse(&self) -> ServiceError {
        self.metrics.refused.increment(1);
        ServiceError::new(ErrorCode::Overloaded, "Too many signups and logins right now. Try again shortly.")
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    /// A job that runs until the sender is dropped.
    fn blocked_job() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (sender, receiver) = mpsc::channel::<()>();
        (sender, move || {
            let _ = receiver.recv();
        })
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_job_is_refused_at_once_when_the_queue_is_full() {
        let queue = Arc::new(Queue::new(1, 1));
        let (unblock, job) = blocked_job();
        let first = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(job).await }
        });
        wait_until(|| queue.workers.available_permits() == 0).await;
        let second = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(|| "after the first").await }
        });
        wait_until(|| queue.slots.available_permits() == 0).await;

        let refused = queue.run(|| ()).await.expect_err("no slot is left");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(unblock);
        first.await.expect("no panic").expect("it had a worker");
        assert_eq!(second.await.expect("no panic").expect("it had a slot"), "after the first");
    }

    #[tokio::test]
    async fn a_running_job_keeps_its_worker_after_its_caller_disconnects() {
        let queue = Arc::new(Queue::new(1, 0));
        let (unblock, job) = blocked_job();
        let caller = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.run(job).await }
        });
        wait_until(|| queue.workers.available_permits() == 0).await;
        caller.abort();
        assert!(caller.await.is_err());
        assert!(queue.run(|| ()).await.is_err(), "the job still runs");
        drop(unblock);
        wait_until(|| queue.slots.available_permits() == 1).await;
        assert!(queue.run(|| ()).await.is_ok());
    }

    #[tokio::test]
    async fn a_waiting_caller_that_disconnects_frees_its_slot() {
        let queue = Arc::new(Queue::new(1, 1));
        let (_unblock, job) = blocked_job();
        let running = Arc::clone(&queue);
        let running = tokio::spawn(async move { running.run(job).await });
        wait_until(|| queue.workers.available_permits() == 0).await;
        let waiting = Arc::clone(&queue);
        let waiting = tokio::spawn(async move { waiting.run(|| ()).await });
        wait_until(|| queue.slots.available_permits() == 0).await;
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(queue.slots.available_permits(), 1);
        drop(running);
    }

    #[tokio::test]
    async fn a_job_that_panics_is_an_internal_error_and_frees_its_worker() {
        let queue = Queue::new(1, 0);
        let error = queue.run(|| panic!("on purpose")).await.expect_err("it panicked");
        assert_eq!(error.code(), ErrorCode::Internal);
        assert!(queue.run(|| ()).await.is_ok());
    }
}
