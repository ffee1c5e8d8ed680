//! The monitoring of the system, as described in deploy/, docs/metrics.md and the runbook: metrics, rules,
//! dashboards, and the queries in the runbook.

mod catalogue;
mod dashboard;
pub mod promql;
mod rules;
mod runbook;

pub use self::{
    catalogue::{Catalogue, Family},
    dashboard::{Query, dashboards, queries},
    rules::{RULES, Rule, rules},
    runbook::runbook_queries,
};
