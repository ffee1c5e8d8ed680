//! Injects production faults under load. Measures the effect on clients and its duration, and verifies that no
//! acknowledged write is lost or duplicated. Attacks the system as one client, and measures the effect on the other
//! clients. Each scenario produces rows of figures.
//!
//! Run this test with `cargo test --release -p eventboard-e2e --test faults -- --test-threads=1 --nocapture`.
#![expect(clippy::unwrap_used, reason = "an unexpected value fails the test")]

mod harness;
mod load_generator;
mod scenarios;
