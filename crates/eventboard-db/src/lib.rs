//! PostgreSQL access for the services: connection pool, migrations, instrumented statements and error mapping.

mod as_text;
mod audit;
mod audit_retention;
mod config;
mod connect;
mod error;
mod folding;
mod migrations;
mod outbox;
mod pool;
mod progress;
mod roles;
mod schema;
mod statement;
mod usage;

pub use self::{
    as_text::AsText,
    audit::{Actor, AuditEntry},
    audit_retention::delete_old_audit_entries,
    config::DatabaseConfig,
    connect::connect,
    error::{OnConstraint, db_error},
    folding::{FoldedBatch, FoldingPass},
    migrations::migrate,
    outbox::{write_password_changed, write_password_reset, write_welcome},
    pool::{Database, Lease},
    statement::InstrumentStatement,
    usage::count_usage,
};
