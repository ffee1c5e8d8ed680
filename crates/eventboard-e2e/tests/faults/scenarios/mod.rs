//! A file for each kind of thing that breaks.

mod blackout;
mod database_restart;
mod discovery;
mod frozen_write;
mod overload;
mod replica_lost;
mod rolling_restart;
mod slow_database;
mod unavailable_replica;
