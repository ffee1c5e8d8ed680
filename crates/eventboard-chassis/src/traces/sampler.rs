//! Which requests are traced.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceContextExt},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// While the collector is away, one in so many spans is still made: they are how its return is noticed.
const STILL_TRIED: u32 = 100;

/// The usual decision while the collector takes spans, and hardly any span while it is away, so that nothing is spent on what
/// is lost.
#[derive(Debug, Clone)]
pub(super) struct WhileTaken {
    usual: Sampler,
    is_away: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl WhileTaken {
    /// Traces this share of the requests (0 to 1). Who calls decides for a trace that is going on already, so that no trace
    /// has holes.
    pub(super) fn new(share: f64, is_away: Arc<AtomicBool>) -> Self {
        let usual = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        Self { usual, is_away, asked: Arc::default() }
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
        let is_tried = || self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(STILL_TRIED);
        if !self.is_away.load(Ordering::Relaxed) || is_tried() {
            return self.usual.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        let trace_state = parent.map(|parent| parent.span().span_context().trace_state().clone());
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: trace_state.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardly_anything_is_traced_while_the_collector_is_away() {
        let is_away = Arc::new(AtomicBool::new(false));
        let sampler = WhileTaken::new(1.0, Arc::clone(&is_away));
        let traced = || {
            let decide = |n: u32| {
                let trace_id = TraceId::from(u128::from(n) + 1);
                sampler.should_sample(None, trace_id, "", &SpanKind::Server, &[], &[]).decision
            };
            (0..1000).filter(|n| decide(*n) == SamplingDecision::RecordAndSample).count()
        };
        assert_eq!(traced(), 1000);
        is_away.store(true, Ordering::Relaxed);
        assert_eq!(traced(), 10);
        is_away.store(false, Ordering::Relaxed);
        assert_eq!(traced(), 1000);
    }
}
