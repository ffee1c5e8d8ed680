//! Recording metrics. docs/metrics.md lists all of them; [`metrics_endpoint`](crate::metrics_endpoint) serves them.

mod counted;
mod histograms;
mod samplers;

pub(crate) use self::samplers::run_samplers;
pub use self::{counted::Counted, histograms::Histograms, samplers::at_each_scrape};
