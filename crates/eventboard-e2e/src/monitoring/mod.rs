//! What watches the system, as it stands in deploy/, docs/metrics.md and RUNBOOK.md: metrics, rules,
//! dashboards, and what the runbook asks.

mod catalogue;
mod dashboard;
pub mod promql;
mod rules;
mod runbook;

pub use self::{
    catalogue::{Catalogue, Family},
    dashboard::{Query, dashboards, queries},
    rules::{RULES, Rule, rules},
    runbook::questions,
};
