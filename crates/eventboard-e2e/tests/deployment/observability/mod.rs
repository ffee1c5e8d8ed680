//! Tests of the monitoring files: they may refer only to things that exist.

mod alerts;
mod metric_names;
mod wiring;
