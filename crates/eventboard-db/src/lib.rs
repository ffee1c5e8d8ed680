//! PostgreSQL access for the services: connection pool, migrations, instrumented statements and error mapping.

mod account_link;
mod as_text;
mod audit;
mod audit_retention;
mod config;
mod connect;
mod email_normalization;
mod error;
mod folding;
mod migrations;
mod outbox;
mod pool;
mod progress;
mod requested_mail;
mod roles;
mod schema;
mod statement;
mod usage;

pub use self::{
    account_link::{insert_link, withdraw_links},
    as_text::AsText,
    audit::{Actor, AuditEntry},
    audit_retention::delete_old_audit_entries,
    config::DatabaseConfig,
    connect::connect,
    error::{OnConstraint, db_error},
    folding::{FoldedBatch, FoldingPass},
    migrations::migrate,
    outbox::{AccountMail, Recipient, write_password_reset},
    pool::{Database, Lease},
    requested_mail::count_requested_mail,
    statement::InstrumentStatement,
    usage::count_usage,
};
