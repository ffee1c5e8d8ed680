//! PostgreSQL as the services use it.

mod config;
mod error;
mod migrations;
mod pool;
mod statement;
mod word;

pub use self::{
    config::DatabaseConfig,
    error::{OnConstraint, db_error},
    migrations::migrate,
    pool::{Database, Lease},
    statement::Named,
    word::Word,
};
