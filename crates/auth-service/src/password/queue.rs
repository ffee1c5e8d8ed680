//! Runs a bounded number of jobs on threads of low priority. Further jobs wait in a bounded queue, which the clients
//! share fairly.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Instant,
};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    fairness::{Client, FairLimits, FairPermit, FairSemaphore, Refused},
    metrics::GaugeGuard,
    server::shed_requests,
    traces::Span,
};
use metrics::{Counter, Gauge, Histogram};
use tokio::sync::oneshot;

/// The part of the queue that one client may have: a quarter.
const CLIENT_DIVISOR: usize = 4;

/// How much nicer the threads are than the others. On a busy core, such a thread gets a third of the time that one with
/// normal priority gets, so logins become slower but do not starve.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Runs CPU-bound jobs. When the queue or the client's share of it is full, a job fails immediately with `Overloaded`.
pub(super) struct Queue {
    /// One permit per job that runs, and the queue of the waiting jobs.
    workers: FairSemaphore,
    metrics: QueueMetrics,
}

/// The metrics of the queue.
struct QueueMetrics {
    waiting: Gauge,
    running: Gauge,
    queue_full: Counter,
    share_taken: Counter,
    duration: Histogram,
}

impl Queue {
    /// Creates a queue that runs at most `running` jobs at the same time and lets at most `waiting` more jobs wait.
    pub(super) fn new(running: u32, waiting: u32) -> Self {
        let (permits, waiting) = (running as usize, waiting as usize);
        let per_client = ((permits + waiting) / CLIENT_DIVISOR).max(1);
        Self {
            workers: FairSemaphore::new(FairLimits { permits, waiting, per_client }),
            metrics: QueueMetrics {
                waiting: metrics::gauge!("eventboard_password_hash_waiting"),
                running: metrics::gauge!("eventboard_password_hash_running"),
                queue_full: shed_requests("password_queue"),
                share_taken: shed_requests("password_share"),
                duration: metrics::histogram!("eventboard_password_hash_duration_seconds"),
            },
        }
    }

    /// Runs the job as soon as a worker is free and it is the client's turn.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full, or the client's share of it.
    pub(super) async fn run<T, J>(&self, client: Client, job: J) -> Result<T, ServiceError>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let span = Span::internal("hash a password");
        let queued_at = Instant::now();
        let worker = self.acquire_worker(client).await?;
        span.set("eventboard.waited_ms", || queued_at.elapsed().as_secs_f64() * 1000.0);
        let (counted, duration) = (GaugeGuard::new(&self.metrics.running), self.metrics.duration.clone());
        let running = spawn_thread(move || {
            // The job continues even when its caller disconnects, so the job itself holds the permit.
            let _permit = (worker, counted);
            let started = Instant::now();
            let outcome = job();
            duration.record(started.elapsed());
            outcome
        });
        let outcome = running.map_err(ServiceError::internal)?.await.map_err(ServiceError::internal)?;
        outcome.map_err(|panic| ServiceError::from_panic(&*panic))
    }

    async fn acquire_worker(&self, client: Client) -> Result<FairPermit, ServiceError> {
        let _waiting = GaugeGuard::new(&self.metrics.waiting);
        self.workers.acquire(client).await.map_err(|refused| self.refuse(refused, client))
    }

    fn refuse(&self, refused: Refused, client: Client) -> ServiceError {
        let (counter, message) = match refused {
            Refused::QueueFull => {
                (&self.metrics.queue_full, "Too many signups and logins right now. Try again shortly.")
            }
            Refused::ClientHasItsShare => (
                &self.metrics.share_taken,
                "Too many signups and logins from your network address right now. Try again shortly.",
            ),
        };
        counter.increment(1);
        ServiceError::new(ErrorCode::Overloaded, message).caused_by(format!("{client:?}: {refused:?}"))
    }
}

/// Runs the job on a new thread, because the low priority of a thread cannot be raised again without a privilege.
/// Starting a thread takes some 20 µs, and a hash takes 12 ms.
fn spawn_thread<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<thread::Result<T>>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("password-hash".to_owned()).spawn(move || {
        lower_priority();
        // Fails when the caller has disconnected.
        _ = sender.send(catch_unwind(AssertUnwindSafe(job)));
    })?;
    Ok(receiver)
}

/// Hashing takes whole cores. With its normal priority, each step of every other request would wait for it.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // Only on Linux does this change the thread and not the whole process.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "The priority of password hashing could not be lowered");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        sync::{Arc, mpsc},
        time::Duration,
    };

    use tokio::task::JoinHandle;

    use super::*;

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
    }

    /// A job that runs until the sender is dropped.
    fn blocked_job() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (sender, receiver) = mpsc::channel::<()>();
        (sender, move || {
            let _ = receiver.recv();
        })
    }

    fn spawn<T: Send + 'static>(
        queue: &Arc<Queue>,
        client: Client,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T, ServiceError>> {
        let queue = Arc::clone(queue);
        tokio::spawn(async move { queue.run(client, job).await })
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
        let first = spawn(&queue, client(1), job);
        wait_until(|| queue.workers.held() == 1).await;
        let second = spawn(&queue, client(2), || "after the first");
        wait_until(|| queue.workers.waiting() == 1).await;

        let refused = queue.run(client(3), || ()).await.expect_err("no slot is left");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        drop(unblock);
        first.await.expect("no panic").expect("it had a worker");
        assert_eq!(second.await.expect("no panic").expect("it had a slot"), "after the first");
    }

    #[tokio::test]
    async fn one_client_has_at_most_a_quarter_of_the_queue() {
        let queue = Arc::new(Queue::new(2, 14));
        let mut jobs = Vec::new();
        for _ in 0..4 {
            let (unblock, job) = blocked_job();
            jobs.push((unblock, spawn(&queue, client(1), job)));
        }
        wait_until(|| queue.workers.held() == 2 && queue.workers.waiting() == 2).await;

        let refused = queue.run(client(1), || ()).await.expect_err("the client has its quarter");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        assert!(refused.message().contains("from your network address"), "{}", refused.message());
        let other = spawn(&queue, client(2), || ());
        wait_until(|| queue.workers.waiting() == 3).await;
        drop(jobs);
        other.await.expect("no panic").expect("another client has room");
    }

    #[tokio::test]
    async fn a_running_job_keeps_its_worker_after_its_caller_disconnects() {
        let queue = Arc::new(Queue::new(1, 0));
        let (unblock, job) = blocked_job();
        let caller = spawn(&queue, client(1), job);
        wait_until(|| queue.workers.held() == 1).await;
        caller.abort();
        assert!(caller.await.is_err());
        assert!(queue.run(client(1), || ()).await.is_err(), "the job still runs");
        drop(unblock);
        wait_until(|| queue.workers.held() == 0).await;
        assert!(queue.run(client(1), || ()).await.is_ok());
    }

    #[tokio::test]
    async fn a_waiting_caller_that_disconnects_frees_its_slot() {
        let queue = Arc::new(Queue::new(1, 1));
        let (_unblock, job) = blocked_job();
        let _running = spawn(&queue, client(1), job);
        wait_until(|| queue.workers.held() == 1).await;
        let waiting = spawn(&queue, client(2), || ());
        wait_until(|| queue.workers.waiting() == 1).await;
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(queue.workers.waiting(), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_is_an_internal_error_and_frees_its_worker() {
        let queue = Queue::new(1, 0);
        let error = queue.run(client(1), || panic!("on purpose")).await.expect_err("it panicked");
        assert_eq!(error.code(), ErrorCode::Internal);
        assert!(queue.run(client(1), || ()).await.is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_job_has_a_low_priority_and_the_service_keeps_its_own() {
        let niceness = || rustix::process::getpriority_process(None).expect("a priority");
        let before = niceness();
        let of_job = Queue::new(1, 0).run(client(1), niceness).await.expect("a worker");
        assert_eq!(of_job, (before + NICENESS).min(19));
        assert_eq!(niceness(), before);
    }
}
