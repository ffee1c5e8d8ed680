//! What breaks in production, broken on purpose under load: what the clients see of it, how long, and that no
//! acknowledged write is lost and none is doubled. A row of figures comes out of each scenario.
//!
//! Run with `cargo test --release -p eventboard-e2e --test faults -- --test-threads=1 --nocapture`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets something else has failed")]

mod crowd;
mod harness;
mod scenarios;
