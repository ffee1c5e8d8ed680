//! A semaphore with a bounded queue, whose permits and queue are shared fairly between clients.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::Client;

/// How long the permits stay shared after several clients used them. It is long enough that a client with a request
/// every few seconds always finds a permit, and short enough that a client that is alone soon gets all permits.
const SHARED_TIME: Duration = Duration::from_secs(10);

/// While several clients use a semaphore, each one holds at most this part of its permits: a quarter. Every permit is
/// work on a core. So the fewer a busy client holds, the sooner the others get a core, even if permits are free.
const SHARE_DIVISOR: usize = 4;

/// A semaphore that lets no client take everything:
///
/// - While several clients use the semaphore, each one holds at most a quarter of the permits. So a client with few
///   calls does not wait until the calls of a busy client end. A client that is alone may hold all permits.
/// - Clients with waiting calls take turns. So a busy client's long queue does not delay the others.
/// - A client has at most [`FairLimits::per_client`] calls, so its queue leaves room for the others.
#[derive(Clone)]
pub struct FairSemaphore(Arc<Shared>);

/// The limits of a [`FairSemaphore`].
#[derive(Debug, Clone, Copy)]
pub struct FairLimits {
    /// The number of permits, at least one.
    pub permits: usize,
    /// How many calls may wait for a permit.
    pub waiting: usize,
    /// How many calls of one client may hold a permit or wait for one, at least one.
    pub per_client: usize,
}

/// The reason why a call may not even wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full.
    QueueFull,
    /// The client has its whole share of the permits and of the queue.
    ClientHasItsShare,
}

struct Shared {
    limits: FairLimits,
    state: Mutex<State>,
}

/// A permit, or a place in the queue that becomes one. Dropping it frees either.
pub struct FairPermit {
    semaphore: FairSemaphore,
    client: Client,
    ticket: Ticket,
}

/// Identifies a call. A later call has a higher ticket.
type Ticket = u64;

struct State {
    /// Permits that nobody holds.
    free: usize,
    /// Calls in all queues together.
    waiting: usize,
    /// The clients with calls. An entry is removed with the client's last call.
    clients: HashMap<Client, Calls>,
    /// The clients with waiting calls. The first one has the next turn.
    turns: VecDeque<Client>,
    next_ticket: Ticket,
    /// The client of the latest call.
    latest: Option<Client>,
    /// When the permits cease to be shared, unless another client calls again.
    shared_until: Option<Instant>,
}

/// The calls of one client.
#[derive(Default)]
struct Calls {
    /// The permits that the client holds.
    held: usize,
    /// In the order of their tickets.
    queue: VecDeque<WaitingCall>,
}

struct WaitingCall {
    ticket: Ticket,
    granted: oneshot::Sender<()>,
}

impl FairSemaphore {
    /// Creates a semaphore.
    pub fn new(limits: FairLimits) -> Self {
        Self(Arc::new(Shared { limits, state: Mutex::new(State::new(limits)) }))
    }

    /// Waits for a permit. A call that stops waiting leaves the queue.
    ///
    /// # Errors
    /// Immediately, when the call may not wait.
    pub async fn acquire(&self, client: Client) -> Result<FairPermit, Refused> {
        let (permit, granted) = self.enter(client)?;
        if let Some(granted) = granted {
            // The sender is in the queue until the permit is granted, so this cannot fail.
            _ = granted.await;
        }
        Ok(permit)
    }

    fn enter(&self, client: Client) -> Result<(FairPermit, Option<oneshot::Receiver<()>>), Refused> {
        let (ticket, granted) = self.state().enter(self.0.limits, client, Instant::now())?;
        Ok((FairPermit { semaphore: self.clone(), client, ticket }, granted))
    }

    /// The number of permits that are held.
    pub fn held(&self) -> usize {
        self.0.limits.permits - self.state().free
    }

    /// The number of calls that wait.
    pub fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        self.semaphore.state().leave(self.semaphore.0.limits, self.client, self.ticket, Instant::now());
    }
}

impl State {
    fn new(limits: FairLimits) -> Self {
        Self {
            free: limits.permits,
            waiting: 0,
            clients: HashMap::new(),
            turns: VecDeque::new(),
            next_ticket: 0,
            latest: None,
            shared_until: None,
        }
    }

    /// Adds a call. Returns a receiver if the call has to wait for its permit.
    fn enter(
        &mut self,
        limits: FairLimits,
        client: Client,
        now: Instant,
    ) -> Result<(Ticket, Option<oneshot::Receiver<()>>), Refused> {
        self.observe(client, now);
        // The permits may have ceased to be shared, so that clients may hold more of them.
        self.grant(limits, now);
        let (held, queued) =
            self.clients.get(&client).map_or((0, 0), |calls| (calls.held, calls.queue.len()));
        if held + queued >= limits.per_client {
            return Err(Refused::ClientHasItsShare);
        }
        let may_hold_another = queued == 0 && self.free > 0 && held < self.share(limits, now);
        if !may_hold_another && self.waiting >= limits.waiting {
            return Err(Refused::QueueFull);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let calls = self.clients.entry(client).or_default();
        if may_hold_another {
            calls.held += 1;
            self.free -= 1;
            return Ok((ticket, None));
        }
        let (granted, receiver) = oneshot::channel();
        calls.queue.push_back(WaitingCall { ticket, granted });
        self.waiting += 1;
        if queued == 0 {
            self.turns.push_back(client);
        }
        Ok((ticket, Some(receiver)))
    }

    /// Removes a call, whether it waits or holds a permit.
    fn leave(&mut self, limits: FairLimits, client: Client, ticket: Ticket, now: Instant) {
        let Some(calls) = self.clients.get_mut(&client) else { return };
        match calls.queue.binary_search_by_key(&ticket, |call| call.ticket) {
            Ok(position) => {
                calls.queue.remove(position);
                self.waiting -= 1;
                if calls.queue.is_empty() {
                    self.turns.retain(|other| *other != client);
                }
            }
            Err(_) => {
                calls.held -= 1;
                self.free += 1;
            }
        }
        if calls.held == 0 && calls.queue.is_empty() {
            self.clients.remove(&client);
        }
        self.grant(limits, now);
    }

    /// Grants free permits to waiting clients, one at a time to each.
    fn grant(&mut self, limits: FairLimits, now: Instant) {
        let share = self.share(limits, now);
        let mut skipped = 0;
        while self.free > 0 && skipped < self.turns.len() {
            let Some(client) = self.turns.pop_front() else { return };
            let Some(calls) = self.clients.get_mut(&client) else { continue };
            if calls.held >= share {
                skipped += 1;
            } else if let Some(call) = calls.queue.pop_front() {
                skipped = 0;
                calls.held += 1;
                self.free -= 1;
                self.waiting -= 1;
                // Fails when the call has just stopped waiting. The call then frees the permit.
                _ = call.granted.send(());
            }
            if !calls.queue.is_empty() {
                self.turns.push_back(client);
            }
        }
    }

    /// How many permits one client may hold now.
    fn share(&self, limits: FairLimits, now: Instant) -> usize {
        let is_shared = self.shared_until.is_some_and(|until| now < until);
        if is_shared { limits.permits.div_ceil(SHARE_DIVISOR) } else { limits.permits }
    }

    /// Notes who uses the semaphore. The service's own work is rare and short, so it takes nothing from the clients.
    fn observe(&mut self, client: Client, now: Instant) {
        if client != Client::Service && self.latest.replace(client).is_some_and(|latest| latest != client) {
            self.shared_until = Some(now + SHARED_TIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FairLimits = FairLimits { permits: 5, waiting: 6, per_client: 7 };

    fn client(number: u8) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
    }

    fn semaphore(permits: usize, waiting: usize, per_client: usize) -> FairSemaphore {
        FairSemaphore::new(FairLimits { permits, waiting, per_client })
    }

    /// Acquires a permit that must be free.
    fn take(semaphore: &FairSemaphore, client: Client) -> FairPermit {
        semaphore.acquire(client).now_or_never().expect("a free permit").expect("room")
    }

    fn refusal(semaphore: &FairSemaphore, client: Client) -> Refused {
        semaphore.acquire(client).now_or_never().expect("an immediate response").err().expect("a refusal")
    }

    #[test]
    fn a_client_that_is_alone_may_hold_all_permits() {
        let semaphore = semaphore(4, 0, 4);
        let _permits: Vec<_> = (0..4).map(|_| take(&semaphore, client(1))).collect();
        assert_eq!((semaphore.held(), semaphore.waiting()), (4, 0));
    }

    #[test]
    fn while_two_clients_call_each_one_holds_at_most_a_quarter_of_the_permits() {
        let semaphore = semaphore(8, 8, 8);
        let mut busy: Vec<_> = (0..3).map(|_| take(&semaphore, client(1))).collect();
        drop(take(&semaphore, client(2)));
        let mut third = Box::pin(semaphore.acquire(client(1)));
        assert!(third.as_mut().now_or_never().is_none(), "a permit is free, but reserved for others");
        busy.pop();
        assert!(third.as_mut().now_or_never().is_none(), "the client still holds a quarter");
        busy.pop();
        assert!(third.as_mut().now_or_never().is_some());
    }

    #[test]
    fn the_permits_cease_to_be_shared_when_a_client_has_been_alone_for_a_while() {
        let (mut state, now) = (State::new(LIMITS), Instant::now());
        for number in [1, 2, 1, 1] {
            state.enter(LIMITS, client(number), now).expect("room");
        }
        assert_eq!((state.free, state.waiting), (2, 1), "the client has its two permits");
        let later = now + SHARED_TIME;
        state.enter(LIMITS, client(1), later).expect("room");
        assert_eq!((state.free, state.waiting), (0, 0), "both waiting calls got a permit");
    }

    #[test]
    fn the_own_work_of_the_service_does_not_shrink_the_share_of_a_client() {
        let semaphore = semaphore(2, 0, 2);
        drop(take(&semaphore, client(1)));
        drop(take(&semaphore, Client::Service));
        let _permits = [take(&semaphore, client(1)), take(&semaphore, client(1))];
    }

    #[test]
    fn clients_take_turns_however_many_calls_each_has_in_the_queue() {
        let semaphore = semaphore(1, 8, 8);
        let mut running = take(&semaphore, client(1));
        let mut queue: Vec<_> = [1, 1, 1, 2, 2, 3]
            .map(|number| (number, Box::pin(semaphore.acquire(client(number)))))
            .into_iter()
            .collect();
        let mut poll_all = || {
            let mut granted = Vec::new();
            queue.retain_mut(|(number, call)| match call.as_mut().now_or_never() {
                Some(permit) => {
                    granted.push((*number, permit.expect("room")));
                    false
                }
                None => true,
            });
            granted
        };
        assert!(poll_all().is_empty());
        let mut order = Vec::new();
        for _ in 0..6 {
            drop(running);
            let mut granted = poll_all();
            assert_eq!(granted.len(), 1);
            let (number, permit) = granted.remove(0);
            order.push(number);
            running = permit;
        }
        drop(running);
        assert_eq!(order, [1, 2, 3, 1, 2, 1]);
        assert!(semaphore.state().clients.is_empty());
    }

    #[test]
    fn a_client_with_its_share_is_refused_while_others_may_still_wait() {
        let semaphore = semaphore(1, 2, 2);
        let _running = take(&semaphore, client(1));
        let mut waiting = Box::pin(semaphore.acquire(client(1)));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(refusal(&semaphore, client(1)), Refused::ClientHasItsShare);
        let mut other = Box::pin(semaphore.acquire(client(2)));
        assert!(other.as_mut().now_or_never().is_none());
        assert_eq!(refusal(&semaphore, client(3)), Refused::QueueFull);
    }

    #[test]
    fn a_call_that_stops_waiting_leaves_the_queue_even_if_it_was_just_granted_a_permit() {
        let semaphore = semaphore(1, 1, 2);
        let running = take(&semaphore, client(1));
        let mut waiting = Box::pin(semaphore.acquire(client(1)));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        assert_eq!((semaphore.held(), semaphore.waiting()), (1, 0));

        let mut waiting = Box::pin(semaphore.acquire(client(2)));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(running);
        assert_eq!((semaphore.held(), semaphore.waiting()), (1, 0), "granted, but not received");
        drop(waiting);
        assert_eq!(semaphore.held(), 0);
        assert!(semaphore.state().clients.is_empty());
    }

    #[tokio::test]
    async fn a_task_that_panics_frees_its_permit() {
        let semaphore = semaphore(1, 0, 1);
        let permit = take(&semaphore, client(1));
        let task = tokio::spawn(async move {
            let _permit = permit;
            panic!("on purpose");
        });
        assert!(task.await.is_err());
        drop(take(&semaphore, client(1)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn concurrent_calls_that_finish_or_are_cancelled_leave_nothing_behind() {
        let semaphore = semaphore(3, 50, 40);
        let calls = (0..2_000_u32).map(|number| {
            let semaphore = semaphore.clone();
            tokio::spawn(async move {
                let acquired = semaphore.acquire(client((number % 7) as u8));
                let permit =
                    tokio::time::timeout(Duration::from_micros(u64::from(number % 5) * 100), acquired);
                if let Ok(Ok(_permit)) = permit.await {
                    tokio::task::yield_now().await;
                }
            })
        });
        futures::future::try_join_all(calls.collect::<Vec<_>>()).await.expect("no panic");
        let state = semaphore.state();
        assert_eq!((state.free, state.waiting), (3, 0));
        assert!(state.clients.is_empty() && state.turns.is_empty());
    }

    /// A step of the model test: a call of a client enters, some call leaves, or time passes.
    #[derive(Debug, Clone)]
    enum Step {
        Enter(u8),
        Leave(prop::sample::Index),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_u8).prop_map(Step::Enter),
            3 => any::<prop::sample::Index>().prop_map(Step::Leave),
            1 => (0..12_u64).prop_map(Step::Wait),
        ]
    }

    fn check_counts(state: &State, now: Instant) {
        let held: usize = state.clients.values().map(|calls| calls.held).sum();
        let waiting: usize = state.clients.values().map(|calls| calls.queue.len()).sum();
        assert_eq!((held + state.free, waiting), (LIMITS.permits, state.waiting));
        assert!(waiting <= LIMITS.waiting);
        for (client, calls) in &state.clients {
            let total = calls.held + calls.queue.len();
            assert!((1..=LIMITS.per_client).contains(&total), "{client:?} has {total} calls");
            let turns = state.turns.iter().filter(|turn| *turn == client).count();
            assert_eq!(turns, usize::from(!calls.queue.is_empty()));
        }
        assert!(state.turns.iter().all(|client| state.clients.contains_key(client)));
        let may_hold_more = |client| state.clients[client].held < state.share(LIMITS, now);
        let starves = state.free > 0 && state.turns.iter().any(may_hold_more);
        assert!(!starves, "a call waits for a permit that it may have");
    }

    proptest! {
        #[test]
        fn the_counts_are_right_after_any_sequence_of_calls(steps in prop::collection::vec(step(), 0..100)) {
            let (mut state, mut now, mut calls) = (State::new(LIMITS), Instant::now(), Vec::new());
            for step in steps {
                match step {
                    Step::Enter(number) => {
                        if let Ok((ticket, granted)) = state.enter(LIMITS, client(number), now) {
                            calls.push((client(number), ticket, granted));
                        }
                    }
                    Step::Leave(index) if !calls.is_empty() => {
                        let (client, ticket, _granted) = calls.remove(index.index(calls.len()));
                        state.leave(LIMITS, client, ticket, now);
                    }
                    Step::Leave(_) => {}
                    // Nothing is granted by the mere passage of time, so a call starts the comparison anew.
                    Step::Wait(seconds) => {
                        now += Duration::from_secs(seconds);
                        state.grant(LIMITS, now);
                    }
                }
                check_counts(&state, now);
            }
            for (client, ticket, _granted) in calls {
                state.leave(LIMITS, client, ticket, now);
            }
            prop_assert_eq!((state.free, state.waiting), (LIMITS.permits, 0));
            prop_assert!(state.clients.is_empty() && state.turns.is_empty());
        }
    }
}
