//! The sampler, which decides which requests are traced.

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

/// Samples by ratio while the collector is available. While it is unavailable, only one request per second is traced,
/// to detect its recovery. All other spans would be lost, so creating them would be wasted work.
#[derive(Debug, Clone)]
pub(super) struct CollectorAwareSampler {
    sampler: Sampler,
    is_unavailable: Arc<AtomicBool>,
    started: Instant,
    /// The second since `started` in which the last request was traced to probe the collector.
    last_probe: Arc<AtomicU64>,
}

impl CollectorAwareSampler {
    /// Creates a sampler that traces this fraction of the requests (0 to 1). The caller's decision takes precedence,
    /// so that traces are complete.
    pub(super) fn new(ratio: f64, is_unavailable: Arc<AtomicBool>) -> Self {
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
        let last_probe = Arc::new(AtomicU64::new(u64::MAX));
        Self { sampler, is_unavailable, started: Instant::now(), last_probe }
    }

    /// Returns true once per second.
    fn is_probe_due(&self) -> bool {
        let second = self.started.elapsed().as_secs();
        self.last_probe.swap(second, Ordering::Relaxed) != second
    }
}

impl ShouldSample for CollectorAwareSampler {
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
        // A child span follows the decision that was made for its request.
        let is_child = span.as_ref().is_some_and(|span| span.is_valid() && !span.is_remote());
        if is_child || !self.is_unavailable.load(Ordering::Relaxed) {
            return self.sampler.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        let decision =
            if self.is_probe_due() { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let trace_state = span.map(|span| span.trace_state().clone()).unwrap_or_default();
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;

    fn decide(sampler: &CollectorAwareSampler, parent: Option<&Context>) -> SamplingDecision {
        sampler.should_sample(parent, TraceId::from(1), "", &SpanKind::Server, &[], &[]).decision
    }

    fn parent(flags: TraceFlags, is_remote: bool) -> Context {
        let span =
            SpanContext::new(TraceId::from(1), SpanId::from(2), flags, is_remote, TraceState::default());
        Context::new().with_remote_span_context(span)
    }

    #[test]
    fn while_the_collector_is_unavailable_one_request_per_second_is_traced_with_its_children() {
        let is_unavailable = Arc::new(AtomicBool::new(false));
        let sampler = CollectorAwareSampler::new(1.0, Arc::clone(&is_unavailable));
        let count_traced = |parent: Option<&Context>| {
            (0..100).filter(|_| decide(&sampler, parent) == SamplingDecision::RecordAndSample).count()
        };
        assert_eq!(count_traced(None), 100);
        is_unavailable.store(true, Ordering::Relaxed);
        // The count is more than one if the test runs longer than a second.
        assert!((1..50).contains(&count_traced(None)));
        assert!(count_traced(Some(&parent(TraceFlags::SAMPLED, true))) < 50);
        assert_eq!(count_traced(Some(&parent(TraceFlags::SAMPLED, false))), 100);
        assert_eq!(count_traced(Some(&parent(TraceFlags::NOT_SAMPLED, false))), 0);
        is_unavailable.store(false, Ordering::Relaxed);
        assert_eq!(count_traced(Some(&parent(TraceFlags::SAMPLED, true))), 100);
    }

    #[test]
    fn the_collector_is_probed_even_with_a_ratio_of_zero() {
        let sampler = CollectorAwareSampler::new(0.0, Arc::new(AtomicBool::new(true)));
        assert_eq!(decide(&sampler, None), SamplingDecision::RecordAndSample);
    }
}
