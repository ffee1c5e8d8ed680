//! What one connection is doing, and which of its time limits have passed.
//!
//! hyper limits only the time for an HTTP/1 request head, and it counts an idle connection as waiting for a head. So
//! the server follows every phase itself: the connection reports events, and a timer asks for the verdict.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{connection_limits::ConnectionLimits, incoming::Incoming};

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    limits: ConnectionLimits,
    state: Mutex<State>,
    /// Whether the socket accepts no more bytes.
    is_write_blocked: AtomicBool,
    writable: Notify,
    /// Cancelled when the connection is being closed gracefully.
    closing: CancellationToken,
}

#[derive(Debug)]
struct State {
    incoming: Incoming,
    /// Since when the client owes the rest of a request head or frame. Until the first request, or the SETTINGS of
    /// HTTP/2, since the connection was accepted.
    head_since: Option<Instant>,
    /// Whether the client has sent a first request or, with HTTP/2, its SETTINGS.
    is_established: bool,
    /// Since when the socket accepts no more bytes.
    write_blocked_since: Option<Instant>,
    exchanges: HashMap<u64, ExchangeState>,
    next_exchange: u64,
    /// Whether the latest request has a body.
    has_body: bool,
    /// When the last exchange ended.
    idle_since: Instant,
    /// When the maximum age is reached.
    expires: Option<Instant>,
    /// Since when the connection is being closed gracefully.
    closing_since: Option<Instant>,
    /// Since when the server stops. It waits only briefly for what its clients owe.
    stopping_since: Option<Instant>,
}

/// A request whose response the client has not taken completely.
#[derive(Debug)]
struct ExchangeState {
    /// How many pieces of the response were handed to hyper and are not written to the socket.
    unread_pieces: usize,
    /// When the exchange began, the first piece was handed to hyper, or the client last took a piece.
    progress: Instant,
    /// Whether the response may send nothing for as long as the connection exists.
    is_endless: bool,
    /// Resets the HTTP/2 stream. `None` if only the whole connection can be reset: with HTTP/1, and after the last
    /// piece of the response was handed to h2.
    reset: Option<CancellationToken>,
}

/// What to do with a connection now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No limit can pass before this instant. This many streams were reset.
    CheckAt { next: Instant, reset_streams: u64 },
    /// Close it gracefully, and say so with [`Activity::begin_close`].
    Close,
    /// End it immediately.
    Abort(AbortReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbortReason {
    /// A request head or HTTP/2 frame did not arrive in time.
    HeadTimeout,
    /// The client takes nothing of a response.
    UnreadResponse,
    /// Nothing has happened for a request for a long time.
    Stalled,
    /// The client does not finish a graceful close.
    CloseTimeout,
}

impl AbortReason {
    /// Whether to discard what the operating system has not sent, because the client takes nothing. A client that does
    /// not close its idle connection may still be receiving the last response.
    pub(super) fn discards_unsent(self) -> bool {
        match self {
            Self::HeadTimeout | Self::UnreadResponse | Self::Stalled => true,
            Self::CloseTimeout => false,
        }
    }
}

impl Activity {
    /// The activity of a connection that was accepted now.
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let now = Instant::now();
        let state = State {
            incoming: Incoming::new(),
            head_since: Some(now),
            is_established: false,
            write_blocked_since: None,
            exchanges: HashMap::new(),
            next_exchange: 0,
            has_body: false,
            idle_since: now,
            expires: limits.max_age.map(|age| now + age.mul_f64(rand::rng().random_range(0.9..1.1))),
            closing_since: None,
            stopping_since: None,
        };
        Self {
            limits,
            state: Mutex::new(state),
            is_write_blocked: AtomicBool::new(false),
            writable: Notify::new(),
            closing: CancellationToken::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client sent bytes.
    pub(super) fn receive(&self, bytes: &[u8]) {
        self.state().receive(bytes, Instant::now());
    }

    /// The socket accepts bytes, or it does not because the client takes none.
    pub(super) fn set_write_blocked(&self, is_blocked: bool) {
        if self.is_write_blocked.swap(is_blocked, Ordering::AcqRel) != is_blocked {
            self.state().write_blocked_since = is_blocked.then(Instant::now);
            self.writable.notify_waiters();
        }
    }

    /// Waits until the socket accepts bytes again. For HTTP/1 only, where this runs in the task of the connection: with
    /// HTTP/2, the socket could be blocked again before another task notices.
    pub(super) async fn wait_until_writable(&self) {
        loop {
            let writable = self.writable.notified();
            if !self.is_write_blocked.load(Ordering::Acquire) {
                return;
            }
            writable.await;
        }
    }

    /// A complete request head arrived. Returns the number of the exchange.
    pub(super) fn begin_exchange(&self, has_body: bool) -> u64 {
        self.state().begin_exchange(has_body, Instant::now())
    }

    /// The exchange is over: its response was written, or nobody waits for it any more.
    pub(super) fn end_exchange(&self, exchange: u64) {
        self.state().end_exchange(exchange, Instant::now());
    }

    /// The response can be reset with this token, or, with `None`, only together with the connection.
    pub(super) fn set_reset(&self, exchange: u64, reset: Option<CancellationToken>) {
        if let Some(exchange) = self.state().exchanges.get_mut(&exchange) {
            exchange.reset = reset;
        }
    }

    /// The response may send nothing for as long as the connection exists. It must end when the connection is
    /// [`closing`](Self::closing).
    pub(super) fn set_endless(&self, exchange: u64) {
        if let Some(exchange) = self.state().exchanges.get_mut(&exchange) {
            exchange.is_endless = true;
        }
    }

    /// A piece of the response was handed to hyper.
    pub(super) fn send_piece(&self, exchange: u64) {
        if let Some(exchange) = self.state().exchanges.get_mut(&exchange) {
            if exchange.unread_pieces == 0 {
                exchange.progress = Instant::now();
            }
            exchange.unread_pieces += 1;
        }
    }

    /// A piece of the response was written to the socket or discarded.
    pub(super) fn finish_piece(&self, exchange: u64) {
        if let Some(exchange) = self.state().exchanges.get_mut(&exchange) {
            exchange.unread_pieces -= 1;
            exchange.progress = Instant::now();
        }
    }

    /// The connection is being closed gracefully.
    pub(super) fn begin_close(&self) {
        self.state().closing_since.get_or_insert_with(Instant::now);
        self.closing.cancel();
    }

    /// The server stops, so the connection is being closed gracefully.
    pub(super) fn begin_stop(&self) {
        self.state().stopping_since.get_or_insert_with(Instant::now);
        self.begin_close();
    }

    /// Is cancelled when the connection is being closed gracefully.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Whether the connection is being closed gracefully.
    pub(super) fn is_closing(&self) -> bool {
        self.state().closing_since.is_some()
    }

    /// Checks all limits, and resets the streams whose clients take nothing. While the port is crowded, the connection
    /// may be idle for a shorter time.
    pub(super) fn check(&self, is_crowded: bool) -> Verdict {
        let limits = self.limits;
        let crowded = limits.crowded_idle_timeout.min(limits.idle_timeout);
        let idle_timeout = if is_crowded { crowded } else { limits.idle_timeout };
        self.state().check(&ConnectionLimits { idle_timeout, ..limits }, Instant::now())
    }
}

impl State {
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        let complete = |incoming: &Incoming| match incoming {
            Incoming::Undecided(_) | Incoming::Http1(_) => 0,
            Incoming::Http2(frames) => frames.complete,
        };
        let before = complete(&self.incoming);
        self.incoming.advance(bytes);
        match &self.incoming {
            Incoming::Undecided(_) => {}
            // Bytes during an exchange belong to its body or to a request that hyper reads only afterwards. Empty lines
            // before a request are no part of it (RFC 9112, section 2.2).
            Incoming::Http1(_) => {
                if self.exchanges.is_empty() && bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                    self.head_since.get_or_insert(now);
                }
            }
            Incoming::Http2(frames) if !self.is_established => {
                if frames.has_settings {
                    self.is_established = true;
                    self.idle_since = now;
                    self.head_since = frames.is_incomplete().then_some(now);
                }
            }
            Incoming::Http2(frames) if !frames.is_incomplete() => self.head_since = None,
            Incoming::Http2(frames) if frames.complete > before => self.head_since = Some(now),
            Incoming::Http2(_) => {
                self.head_since.get_or_insert(now);
            }
        }
    }

    fn begin_exchange(&mut self, has_body: bool, now: Instant) -> u64 {
        self.is_established = true;
        self.has_body = has_body;
        if !matches!(self.incoming, Incoming::Http2(_)) {
            self.head_since = None;
        }
        let number = self.next_exchange;
        self.next_exchange += 1;
        self.exchanges.insert(
            number,
            ExchangeState { unread_pieces: 0, progress: now, is_endless: false, reset: None },
        );
        number
    }

    fn end_exchange(&mut self, exchange: u64, now: Instant) {
        self.exchanges.remove(&exchange);
        self.idle_since = now;
        // What follows a request without a body is the next request. If that is complete, it begins immediately.
        if let Incoming::Http1(tail) = &self.incoming
            && self.exchanges.is_empty()
            && !self.has_body
            && !tail.is_end_of_head()
        {
            self.head_since = Some(now);
        }
    }

    fn check(&mut self, limits: &ConnectionLimits, now: Instant) -> Verdict {
        let head = Limit { usual: limits.head_timeout, stopping: limits.stopping_head_timeout };
        let unread = Limit { usual: limits.unread_timeout, stopping: limits.stopping_unread_timeout };
        // A handler at work has its own deadline.
        let stall = Limit { usual: limits.stall_timeout, stopping: limits.stall_timeout };
        let stopping_since = self.stopping_since;
        // A phase that begins after this check cannot last too long before this instant.
        let mut next = [head, unread, stall]
            .map(|limit| limit.due(now, stopping_since))
            .into_iter()
            .min()
            .unwrap_or(now);
        let mut has_passed = |since: Instant, limit: Limit| {
            let due = limit.due(since, stopping_since);
            if due > now {
                next = next.min(due);
            }
            due <= now
        };
        if self.head_since.is_some_and(|since| has_passed(since, head)) {
            return Verdict::Abort(AbortReason::HeadTimeout);
        }
        if self.write_blocked_since.is_some_and(|since| has_passed(since, unread)) {
            return Verdict::Abort(AbortReason::UnreadResponse);
        }
        let mut reset_streams = 0;
        for exchange in self.exchanges.values_mut() {
            let is_unread = exchange.unread_pieces > 0;
            let limit = if is_unread { unread } else { stall };
            if (exchange.is_endless && !is_unread) || !has_passed(exchange.progress, limit) {
                continue;
            }
            let Some(reset) = exchange.reset.take() else {
                let reason = if is_unread { AbortReason::UnreadResponse } else { AbortReason::Stalled };
                return Verdict::Abort(reason);
            };
            reset.cancel();
            reset_streams += u64::from(is_unread);
            // The pieces are discarded with the stream. If they are not, only the connection can be reset.
            exchange.progress = now;
        }
        // With HTTP/2, a client can send parts of frames for ever without a request. With HTTP/1.1, a request has begun.
        let is_idle = self.exchanges.is_empty()
            && self.write_blocked_since.is_none()
            && (self.head_since.is_none() || matches!(self.incoming, Incoming::Http2(_)));
        let idle_since = self.idle_since;
        if let Some(since) = self.closing_since {
            if is_idle && has_passed(since.max(idle_since), head) {
                return Verdict::Abort(AbortReason::CloseTimeout);
            }
        } else if (is_idle && has_passed(idle_since, Limit::always(limits.idle_timeout)))
            || self.expires.is_some_and(|expires| has_passed(expires, Limit::always(Duration::ZERO)))
        {
            return Verdict::Close;
        }
        Verdict::CheckAt { next, reset_streams }
    }
}

/// How long a phase may last.
#[derive(Debug, Clone, Copy)]
struct Limit {
    usual: Duration,
    /// While the server stops.
    stopping: Duration,
}

impl Limit {
    /// A limit that is the same while the server stops.
    fn always(duration: Duration) -> Self {
        Self { usual: duration, stopping: duration }
    }

    /// When a phase has lasted too long.
    fn due(self, since: Instant, stopping_since: Option<Instant>) -> Instant {
        let usual = since + self.usual;
        stopping_since.map_or(usual, |stopping| usual.min(since.max(stopping) + self.stopping))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits { max_age: None, ..ConnectionLimits::PUBLIC };
    const HEAD: Duration = LIMITS.head_timeout;
    const PREFACE_AND_SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\x0012345678";
    /// A HEADERS frame without its payload.
    const HALF_HEADERS: &[u8] = b"\0\0\x10\x01\x04\0\0\0\x01";

    fn is_aborted(activity: &Activity, reason: AbortReason) -> bool {
        activity.check(false) == Verdict::Abort(reason)
    }

    /// Checks whenever a check is due, until there is a verdict or `limit` has passed.
    async fn verdict_within(activity: &Activity, limit: Duration) -> Option<Verdict> {
        let end = Instant::now() + limit;
        loop {
            match activity.check(false) {
                Verdict::CheckAt { .. } if Instant::now() >= end => return None,
                Verdict::CheckAt { next, .. } => tokio::time::sleep_until(next.min(end)).await,
                verdict => return Some(verdict),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_first_request_is_aborted() {
        for beginning in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n"] {
            let activity = Activity::new(LIMITS);
            activity.receive(beginning.as_bytes());
            tokio::time::sleep(HEAD / 2).await;
            activity.receive(&beginning.as_bytes()[..0]);
            let verdict = verdict_within(&activity, HEAD / 2).await;
            assert_eq!(verdict, Some(Verdict::Abort(AbortReason::HeadTimeout)), "{beginning:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_has_the_same_limit_and_pings_do_not_extend_it() {
        let http1 = Activity::new(LIMITS);
        http1.receive(b"GET / HTTP/1.1\r\n\r\n");
        http1.end_exchange(http1.begin_exchange(false));
        let http2 = Activity::new(LIMITS);
        http2.receive(PREFACE_AND_SETTINGS);
        tokio::time::sleep(HEAD * 2).await;
        for (activity, half) in [(&http1, b"GET /".as_slice()), (&http2, HALF_HEADERS)] {
            assert!(matches!(activity.check(false), Verdict::CheckAt { .. }));
            activity.receive(half);
            tokio::time::sleep(HEAD - Duration::from_secs(1)).await;
            activity.receive(b"x");
            assert!(matches!(activity.check(false), Verdict::CheckAt { .. }));
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(is_aborted(activity, AbortReason::HeadTimeout));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn complete_frames_are_never_late() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        let exchange = activity.begin_exchange(false);
        // Each packet completes one frame and begins the next.
        activity.receive(&PING[..5]);
        for _ in 0..10 {
            tokio::time::sleep(HEAD / 2).await;
            activity.receive(&[&PING[5..], &PING[..5]].concat());
            assert!(matches!(activity.check(false), Verdict::CheckAt { .. }));
        }
        activity.end_exchange(exchange);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_even_if_it_sends_pings() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        let exchange = activity.begin_exchange(false);
        assert_eq!(verdict_within(&activity, LIMITS.stall_timeout / 2).await, None);
        activity.end_exchange(exchange);
        assert_eq!(verdict_within(&activity, LIMITS.idle_timeout / 2).await, None);
        activity.receive(PING);
        assert_eq!(verdict_within(&activity, LIMITS.idle_timeout / 2).await, Some(Verdict::Close));
        activity.begin_close();
        // The client does not take part in closing.
        let verdict = verdict_within(&activity, HEAD).await;
        assert_eq!(verdict, Some(Verdict::Abort(AbortReason::CloseTimeout)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_early_while_the_port_is_crowded() {
        let activity = Activity::new(LIMITS);
        activity.receive(b"GET / HTTP/1.1\r\n\r\n");
        let exchange = activity.begin_exchange(false);
        tokio::time::sleep(LIMITS.crowded_idle_timeout * 2).await;
        assert!(matches!(activity.check(true), Verdict::CheckAt { .. }), "it is not idle");
        activity.end_exchange(exchange);
        tokio::time::sleep(LIMITS.crowded_idle_timeout).await;
        assert!(matches!(activity.check(false), Verdict::CheckAt { .. }));
        assert_eq!(activity.check(true), Verdict::Close);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_parts_of_frames_but_without_a_request_is_idle() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        activity.receive(&PING[..5]);
        let begin = Instant::now();
        while matches!(activity.check(false), Verdict::CheckAt { .. }) {
            tokio::time::sleep(HEAD / 2).await;
            activity.receive(&[&PING[5..], &PING[..5]].concat());
            assert!(begin.elapsed() < LIMITS.idle_timeout * 2);
        }
        assert_eq!(activity.check(false), Verdict::Close);
        activity.begin_close();
        let verdict = verdict_within(&activity, HEAD).await;
        assert!(matches!(verdict, Some(Verdict::Abort(_))), "{verdict:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_behind_a_request_without_a_body_has_the_same_limit() {
        for (rest, verdict) in [("GET /", Some(Verdict::Abort(AbortReason::HeadTimeout))), ("", None)] {
            let activity = Activity::new(LIMITS);
            activity.receive(format!("GET / HTTP/1.1\r\n\r\n{rest}").as_bytes());
            activity.end_exchange(activity.begin_exchange(false));
            assert_eq!(verdict_within(&activity, HEAD).await, verdict, "{rest:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn empty_lines_between_requests_are_not_the_beginning_of_a_request() {
        let activity = Activity::new(LIMITS);
        activity.receive(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        activity.end_exchange(activity.begin_exchange(true));
        activity.receive(b"\r\n");
        assert_eq!(verdict_within(&activity, LIMITS.idle_timeout).await, Some(Verdict::Close));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_accepts_nothing_ends_the_connection_and_holds_further_requests() {
        let activity = Activity::new(LIMITS);
        activity.receive(b"HEAD / HTTP/1.1\r\n\r\n");
        activity.end_exchange(activity.begin_exchange(false));
        activity.set_write_blocked(true);
        tokio::time::sleep(HEAD / 2).await;
        activity.set_write_blocked(false);
        activity.wait_until_writable().await;
        activity.set_write_blocked(true);
        assert!(timeout(HEAD / 2, activity.wait_until_writable()).await.is_err());
        assert!(matches!(activity.check(false), Verdict::CheckAt { .. }));
        let verdict = verdict_within(&activity, HEAD / 2).await;
        assert_eq!(verdict, Some(Verdict::Abort(AbortReason::UnreadResponse)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_for_which_nothing_happens_is_reset() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        let (stream, reset) = (activity.begin_exchange(true), CancellationToken::new());
        activity.set_reset(stream, Some(reset.clone()));
        assert_eq!(verdict_within(&activity, LIMITS.stall_timeout - HEAD).await, None);
        assert!(!reset.is_cancelled());
        assert_eq!(verdict_within(&activity, HEAD).await, None);
        assert!(reset.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_server_waits_only_briefly_for_what_a_client_owes() {
        let half_head = Activity::new(LIMITS);
        half_head.receive(b"GET / HTTP/1.1\r\n");
        let preface = Activity::new(LIMITS);
        preface.receive(&PREFACE_AND_SETTINGS[..24]);
        let half_frame = Activity::new(LIMITS);
        half_frame.receive(&[PREFACE_AND_SETTINGS, HALF_HEADERS].concat());
        let idle = Activity::new(LIMITS);
        idle.receive(PREFACE_AND_SETTINGS);
        let unread = Activity::new(LIMITS);
        unread.receive(b"GET / HTTP/1.1\r\n\r\n");
        unread.send_piece(unread.begin_exchange(false));
        let blocked = Activity::new(LIMITS);
        blocked.receive(b"GET / HTTP/1.1\r\n\r\n");
        blocked.end_exchange(blocked.begin_exchange(false));
        blocked.set_write_blocked(true);
        for (activity, limit, reason) in [
            (&half_head, LIMITS.stopping_head_timeout, AbortReason::HeadTimeout),
            (&preface, LIMITS.stopping_head_timeout, AbortReason::HeadTimeout),
            (&half_frame, LIMITS.stopping_head_timeout, AbortReason::HeadTimeout),
            (&idle, LIMITS.stopping_head_timeout, AbortReason::CloseTimeout),
            (&unread, LIMITS.stopping_unread_timeout, AbortReason::UnreadResponse),
            (&blocked, LIMITS.stopping_unread_timeout, AbortReason::UnreadResponse),
        ] {
            assert!(matches!(activity.check(false), Verdict::CheckAt { .. }), "{reason:?}");
            activity.begin_stop();
            assert!(activity.closing().is_cancelled());
            assert_eq!(verdict_within(activity, limit - Duration::from_millis(1)).await, None, "{reason:?}");
            let verdict = verdict_within(activity, Duration::from_millis(1)).await;
            assert_eq!(verdict, Some(Verdict::Abort(reason)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_server_waits_for_its_handlers() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        let exchange = activity.begin_exchange(false);
        activity.begin_stop();
        assert_eq!(verdict_within(&activity, HEAD * 2).await, None);
        activity.end_exchange(exchange);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_response_lasts_until_its_connection_is_closed() {
        let activity = Activity::new(ConnectionLimits::INTERNAL);
        activity.receive(PREFACE_AND_SETTINGS);
        let exchange = activity.begin_exchange(false);
        activity.set_endless(exchange);
        assert_eq!(verdict_within(&activity, LIMITS.stall_timeout * 8).await, None);
        assert!(!activity.closing().is_cancelled());
        assert_eq!(verdict_within(&activity, LIMITS.stall_timeout * 8).await, Some(Verdict::Close));
        activity.begin_close();
        assert!(activity.closing().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_connection_is_closed_and_its_requests_finish() {
        let activity = Activity::new(ConnectionLimits::INTERNAL);
        activity.receive(PREFACE_AND_SETTINGS);
        let exchange = activity.begin_exchange(false);
        let advance = async |seconds: u64| {
            // Something happens for the request from time to time.
            let (mut verdict, steps) = (None, seconds / 30);
            for _ in 0..steps {
                activity.send_piece(exchange);
                activity.finish_piece(exchange);
                verdict = verdict_within(&activity, Duration::from_secs(30)).await.or(verdict);
            }
            verdict
        };
        assert_eq!(advance(510).await, None);
        assert_eq!(advance(180).await, Some(Verdict::Close));
        activity.begin_close();
        assert_eq!(advance(600).await, None);
        activity.end_exchange(exchange);
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_of_which_nothing_is_taken_is_reset_and_then_its_connection() {
        let activity = Activity::new(LIMITS);
        activity.receive(PREFACE_AND_SETTINGS);
        let (unread, reset) = (activity.begin_exchange(false), CancellationToken::new());
        activity.set_reset(unread, Some(reset.clone()));
        activity.send_piece(unread);
        activity.send_piece(unread);
        let almost = LIMITS.unread_timeout - Duration::from_secs(1);
        assert_eq!(verdict_within(&activity, almost).await, None);
        activity.finish_piece(unread);
        assert_eq!(verdict_within(&activity, almost).await, None);
        assert!(!reset.is_cancelled(), "the client took a piece");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(
            matches!(activity.check(false), Verdict::CheckAt { reset_streams: 1, .. })
                && reset.is_cancelled()
        );
        let verdict = verdict_within(&activity, LIMITS.unread_timeout).await;
        assert_eq!(verdict, Some(Verdict::Abort(AbortReason::UnreadResponse)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_handler_is_not_an_unread_response() {
        let activity = Activity::new(LIMITS);
        activity.receive(b"GET / HTTP/1.1\r\n\r\n");
        activity.begin_exchange(false);
        assert_eq!(verdict_within(&activity, LIMITS.unread_timeout * 3).await, None);
    }
}
