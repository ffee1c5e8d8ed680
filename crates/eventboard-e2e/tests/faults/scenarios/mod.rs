//! The fault scenarios, one file for each kind of fault, and the attacks.

mod all_replicas_lost;
mod attacks;
mod database_restart;
mod discovery;
mod frozen_write;
mod overload;
mod replica_lost;
mod rolling_restart;
mod slow_database;
mod unavailable_replica;
