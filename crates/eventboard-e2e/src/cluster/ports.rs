//! Ports that a replica can reuse after a restart.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// The ports are below the range of ephemeral ports, so that no outgoing connection takes the port of a stopped
/// replica.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A free port that no other replica of this test run gets.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    let next = || FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    std::iter::repeat_with(next).find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).unwrap()
}
