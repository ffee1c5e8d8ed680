//! One client: what it asks for, and what it does when the outcome is open.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Actor, draft};
use rand::RngExt;
use serde_json::Value;

use super::{
    caller::{Caller, Reply, Wanted},
    ledger::Ledger,
    tally::{Failure, Kind, SharedTally},
};

/// Between two requests; leaves the machine room for the system itself.
const PACE: Duration = Duration::from_millis(8);

/// After a failure: long enough not to be a storm, short enough to see the system come back.
const PACE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A keyed write that is still not answered this long after the load has ended is lost.
const LAST_CHANCE: Duration = Duration::from_secs(30);

/// A request with what it means for the ledger.
#[derive(Debug, Clone)]
struct Task {
    wanted: Wanted,
    aim: Aim,
}

#[derive(Debug, Clone)]
enum Aim {
    Look(Kind),
    Create { title: String },
    Submit { id: String },
}

/// A client at work.
pub(super) struct Worker {
    name: String,
    caller: Caller,
    ledger: Ledger,
    tally: SharedTally,
    /// Keyed writes whose outcome is open.
    open: VecDeque<Task>,
    count: u64,
}

impl Task {
    fn kind(&self) -> Kind {
        match self.aim {
            Aim::Look(kind) => kind,
            Aim::Create { .. } => Kind::Create,
            Aim::Submit { .. } => Kind::Submit,
        }
    }
}

impl Worker {
    pub(super) fn new(number: usize, actor: Actor, gateways: Vec<SocketAddr>, tally: SharedTally) -> Self {
        Self {
            name: format!("worker-{number}"),
            caller: Caller::new(number, &actor, gateways),
            ledger: Ledger::of(actor),
            tally,
            open: VecDeque::new(),
            count: 0,
        }
    }

    pub(super) async fn run(mut self, stop: Arc<AtomicBool>) -> Ledger {
        while !stop.load(Ordering::Relaxed) {
            let task = self.next_task();
            let went_well = self.perform(task).await;
            tokio::time::sleep(if went_well { PACE } else { PACE_AFTER_FAILURE }).await;
        }
        let ended = Instant::now();
        while let Some(task) = self.open.pop_front() {
            assert!(ended.elapsed() < LAST_CHANCE, "a keyed write gets no answer: {task:?}");
            if !self.perform(task).await {
                tokio::time::sleep(PACE_AFTER_FAILURE).await;
            }
        }
        self.ledger
    }

    /// Every other time something open, if there is any; else something new.
    fn next_task(&mut self) -> Task {
        self.count += 1;
        let open = if self.count.is_multiple_of(2) { self.open.pop_front() } else { None };
        open.unwrap_or_else(|| self.new_task(rand::rng().random_range(0..100)))
    }

    /// Looks and writes as a share of a hundred.
    fn new_task(&self, dice: u32) -> Task {
        let key = dice.is_multiple_of(2).then(|| format!("{}-{}", self.name, self.count));
        match dice {
            0..12 => self.look(Kind::Me, "/auth/me".into()),
            12..28 => self.look(Kind::List, "/events?sortBy=createdAt&sortOrder=desc".into()),
            28..64 => match self.ledger.created.keys().next_back() {
                Some(id) => self.look(Kind::Read, format!("/events/{id}")),
                None => self.create(key),
            },
            64..82 => self.create(key),
            _ => match self.ledger.draft(|id| self.is_open(id)) {
                Some(id) => self.submit(key, id),
                None => self.create(key),
            },
        }
    }

    fn look(&self, kind: Kind, path: String) -> Task {
        Task { wanted: Wanted::get(path), aim: Aim::Look(kind) }
    }

    fn create(&self, key: Option<String>) -> Task {
        let title = format!("{} event {}", self.name, self.count);
        Task { wanted: Wanted::post("/events".into(), key, Some(draft(&title))), aim: Aim::Create { title } }
    }

    fn submit(&self, key: Option<String>, id: String) -> Task {
        Task { wanted: Wanted::post(format!("/events/{id}/submit"), key, None), aim: Aim::Submit { id } }
    }

    fn is_open(&self, draft: &str) -> bool {
        self.open.iter().any(|task| matches!(&task.aim, Aim::Submit { id } if id == draft))
    }

    /// Whether it was answered with a success.
    async fn perform(&mut self, task: Task) -> bool {
        let began = Instant::now();
        let reply = self.caller.send(&task.wanted).await;
        let (status, has_retry_after, text) = match reply {
            Reply::Answer { status: 200..300, text, .. } => {
                self.tally.success(task.kind());
                self.remember(task.aim, &text);
                return true;
            }
            Reply::Answer { status, has_retry_after, text } => (Some(status), has_retry_after, text),
            Reply::Nothing(why) => (None, false, why),
        };
        let (at, took) = (Instant::now(), began.elapsed());
        self.tally.failure(Failure { at, kind: task.kind(), status, has_retry_after, took, text });
        // Any other answer says that nothing happened.
        if matches!(status, None | Some(408 | 500..)) {
            self.keep_open(task);
        }
        false
    }

    fn remember(&mut self, aim: Aim, text: &str) {
        match aim {
            Aim::Look(_) => {}
            Aim::Create { title } => {
                let event: Value = serde_json::from_str(text).unwrap();
                self.ledger.created.insert(event["id"].as_str().unwrap().to_owned(), title);
            }
            Aim::Submit { id } => {
                self.ledger.submitted.insert(id);
            }
        }
    }

    fn keep_open(&mut self, task: Task) {
        match &task.aim {
            Aim::Look(_) => {}
            _ if task.wanted.key.is_some() => self.open.push_back(task),
            Aim::Create { title } => {
                self.ledger.perhaps_created.insert(title.clone());
            }
            Aim::Submit { id } => {
                self.ledger.perhaps_submitted.insert(id.clone());
            }
        }
    }
}
