//! Ports that a replica can come back to.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that outgoing connections get: while a replica is down, none of those takes its port.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody listens on and that no other replica of this run gets.
pub fn free_port() -> u16 {
    static TURN: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    let next = || FIRST + (start + TURN.fetch_add(1, Ordering::Relaxed)) % COUNT;
    std::iter::repeat_with(next).find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).unwrap()
}
