//! One client of the load. It chooses requests, and repeats writes with an idempotency key if their outcome is
//! unknown.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Actor, event_body};
use rand::RngExt;
use serde_json::Value;

use super::{
    client::{LoadClient, Reply, Request},
    ledger::Ledger,
    tally::{Failure, Kind, SharedTally},
};

/// The pause after a failure. It is long enough not to overload the system, and short enough to notice its recovery.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// If a write with an idempotency key does not succeed within this time after the load has ended, the test fails.
const PENDING_LIMIT: Duration = Duration::from_secs(30);

/// A request and its effect on the ledger.
#[derive(Debug, Clone)]
struct Task {
    request: Request,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Read(Kind),
    Create { title: String },
    Submit { id: String },
}

/// One client of the load.
pub(super) struct Worker {
    name: String,
    client: LoadClient,
    ledger: Ledger,
    tally: SharedTally,
    /// Writes with an idempotency key and an unknown outcome.
    pending: VecDeque<Task>,
    count: u64,
    /// The pause between two requests.
    pause: Duration,
}

impl Task {
    fn kind(&self) -> Kind {
        match self.action {
            Action::Read(kind) => kind,
            Action::Create { .. } => Kind::Create,
            Action::Submit { .. } => Kind::Submit,
        }
    }
}

impl Worker {
    pub(super) fn new(
        number: usize,
        actor: Actor,
        gateways: Vec<SocketAddr>,
        tally: SharedTally,
        pause: Duration,
    ) -> Self {
        Self {
            name: format!("worker-{number}"),
            client: LoadClient::new(number, &actor, gateways),
            ledger: Ledger::new(actor),
            tally,
            pending: VecDeque::new(),
            count: 0,
            pause,
        }
    }

    pub(super) async fn run(mut self, stop: Arc<AtomicBool>) -> Ledger {
        while !stop.load(Ordering::Relaxed) {
            let task = self.next_task();
            let is_success = self.perform(task).await;
            tokio::time::sleep(if is_success { self.pause } else { PAUSE_AFTER_FAILURE }).await;
        }
        let ended = Instant::now();
        while let Some(task) = self.pending.pop_front() {
            assert!(ended.elapsed() < PENDING_LIMIT, "a keyed write does not succeed: {task:?}");
            if !self.perform(task).await {
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
        self.ledger
    }

    /// Every second task is a pending task, if there is one. The other tasks are new.
    fn next_task(&mut self) -> Task {
        self.count += 1;
        let pending = if self.count.is_multiple_of(2) { self.pending.pop_front() } else { None };
        pending.unwrap_or_else(|| self.new_task(rand::rng().random_range(0..100)))
    }

    /// Chooses a task by a random number below 100. The ranges are the percentages of the request mix.
    fn new_task(&self, random: u32) -> Task {
        let key = random.is_multiple_of(2).then(|| format!("{}-{}", self.name, self.count));
        match random {
            0..12 => self.read(Kind::Me, "/auth/me".into()),
            12..28 => self.read(Kind::List, "/events?sortBy=createdAt&sortOrder=desc".into()),
            28..64 => match self.ledger.created.keys().next_back() {
                Some(id) => self.read(Kind::Read, format!("/events/{id}")),
                None => self.create(key),
            },
            64..82 => self.create(key),
            _ => match self.ledger.unsubmitted_draft(|id| self.is_pending(id)) {
                Some(id) => self.submit(key, id),
                None => self.create(key),
            },
        }
    }

    fn read(&self, kind: Kind, path: String) -> Task {
        Task { request: Request::get(path), action: Action::Read(kind) }
    }

    fn create(&self, key: Option<String>) -> Task {
        let title = format!("{} event {}", self.name, self.count);
        let request = Request::post("/events".into(), key, Some(event_body(&title)));
        Task { request, action: Action::Create { title } }
    }

    fn submit(&self, key: Option<String>, id: String) -> Task {
        let request = Request::post(format!("/events/{id}/submit"), key, None);
        Task { request, action: Action::Submit { id } }
    }

    fn is_pending(&self, draft: &str) -> bool {
        self.pending.iter().any(|task| matches!(&task.action, Action::Submit { id } if id == draft))
    }

    /// Sends the request of a task. Returns whether it succeeded.
    async fn perform(&mut self, task: Task) -> bool {
        let began = Instant::now();
        let reply = self.client.send(&task.request).await;
        let (status, has_retry_after, text) = match reply {
            Reply::Response { status: 200..300, text, .. } => {
                self.tally.success(task.kind());
                self.record_success(task.action, &text);
                return true;
            }
            Reply::Response { status, has_retry_after, text } => (Some(status), has_retry_after, text),
            Reply::NoResponse(reason) => (None, false, reason),
        };
        let (at, took) = (Instant::now(), began.elapsed());
        self.tally.failure(Failure { at, kind: task.kind(), status, has_retry_after, took, text });
        // Any other status means that the request had no effect.
        if matches!(status, None | Some(408 | 500..)) {
            self.record_unknown_outcome(task);
        }
        false
    }

    fn record_success(&mut self, action: Action, text: &str) {
        match action {
            Action::Read(_) => {}
            Action::Create { title } => {
                let event: Value = serde_json::from_str(text).unwrap();
                self.ledger.created.insert(event["id"].as_str().unwrap().to_owned(), title);
            }
            Action::Submit { id } => {
                self.ledger.submitted.insert(id);
            }
        }
    }

    fn record_unknown_outcome(&mut self, task: Task) {
        match &task.action {
            Action::Read(_) => {}
            _ if task.request.key.is_some() => self.pending.push_back(task),
            Action::Create { title } => {
                self.ledger.possibly_created.insert(title.clone());
            }
            Action::Submit { id } => {
                self.ledger.possibly_submitted.insert(id.clone());
            }
        }
    }
}
