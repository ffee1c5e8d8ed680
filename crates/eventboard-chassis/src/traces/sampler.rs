//! Which requests are traced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceContextExt},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// The usual decision while the collector takes spans. While it is away one request a second is traced, to notice its return,
/// and nothing is spent on the others, which would be lost.
#[derive(Debug, Clone)]
pub(super) struct WhileTaken {
    usual: Sampler,
    is_away: Arc<AtomicBool>,
    began: Instant,
    /// The second, since it began, in which a request was traced last although the collector was away.
    tried: Arc<AtomicU64>,
}

impl WhileTaken {
    /// Traces this share of the requests (0 to 1). Who calls decides for a trace that is going on already, so that no trace
    /// has holes.
    pub(super) fn new(share: f64, is_away: Arc<AtomicBool>) -> Self {
        let usual = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        Self { usual, is_away, began: Instant::now(), tried: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Whether it is time to see whether the collector is back.
    fn tries(&self) -> bool {
        let second = self.began.elapsed().as_secs();
        self.tried.swap(second, Ordering::Relaxed) != second
    }
}

impl ShouldSample for WhileTaken {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = parent.map(|parent| parent.span().span_context().clone());
        // A part of a request does as the request does.
        let is_part = span.as_ref().is_some_and(|span| span.is_valid() && !span.is_remote());
        if is_part || !self.is_away.load(Ordering::Relaxed) {
            return self.usual.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        let decision = if self.tries() { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let trace_state = span.map(|span| span.trace_state().clone()).unwrap_or_default();
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;

    fn decide(sampler: &WhileTaken, parent: Option<&Context>) -> SamplingDecision {
        sampler.should_sample(parent, TraceId::from(1), "", &SpanKind::Server, &[], &[]).decision
    }

    fn parent(flags: TraceFlags, is_remote: bool) -> Context {
        let span =
            SpanContext::new(TraceId::from(1), SpanId::from(2), flags, is_remote, TraceState::default());
        Context::new().with_remote_span_context(span)
    }

    #[test]
    fn one_request_is_traced_while_the_collector_is_away_and_all_of_it() {
        let is_away = Arc::new(AtomicBool::new(false));
        let sampler = WhileTaken::new(1.0, Arc::clone(&is_away));
        let traced = |parent: Option<&Context>| {
            (0..100).filter(|_| decide(&sampler, parent) == SamplingDecision::RecordAndSample).count()
        };
        assert_eq!(traced(None), 100);
        is_away.store(true, Ordering::Relaxed);
        // The seconds may change meanwhile.
        assert!((1..50).contains(&traced(None)));
        assert!(traced(Some(&parent(TraceFlags::SAMPLED, true))) < 50);
        assert_eq!(traced(Some(&parent(TraceFlags::SAMPLED, false))), 100);
        assert_eq!(traced(Some(&parent(TraceFlags::NOT_SAMPLED, false))), 0);
        is_away.store(false, Ordering::Relaxed);
        assert_eq!(traced(Some(&parent(TraceFlags::SAMPLED, true))), 100);
    }

    #[test]
    fn it_is_tried_whatever_the_share_is() {
        let sampler = WhileTaken::new(0.0, Arc::new(AtomicBool::new(true)));
        assert_eq!(decide(&sampler, None), SamplingDecision::RecordAndSample);
    }
}
