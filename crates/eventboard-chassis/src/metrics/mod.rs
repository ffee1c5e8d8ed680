//! Recording metrics. docs/metrics.md lists all metrics. [`metrics_endpoint`](crate::metrics_endpoint) serves them.

mod gauge_guard;
mod histograms;
mod scrape_callbacks;

pub(crate) use self::scrape_callbacks::run_scrape_callbacks;
pub use self::{gauge_guard::GaugeGuard, histograms::Histograms, scrape_callbacks::at_each_scrape};
