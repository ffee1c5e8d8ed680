//! Chooses the TCP port of a server.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use anyhow::{Context, Result};

/// Returns `preferred` if it is free. Otherwise returns any free port.
pub(crate) fn choose(preferred: Option<u16>) -> Result<u16> {
    match preferred {
        Some(port) if is_free(port) => Ok(port),
        _ => any_free(),
    }
}

/// Whether `port` is free on the loopback addresses.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && (!has_ipv6() || TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok())
}

/// The value of `listen_addresses`: loopback only.
pub(crate) fn listen_addresses() -> &'static str {
    if has_ipv6() { "127.0.0.1,::1" } else { "127.0.0.1" }
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn any_free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_used_and_a_busy_port_is_replaced() -> Result<()> {
        // Below the ports that the system gives to anybody who asks for any port, so nobody takes it in between.
        let mut ports = 12_000..20_000;
        let busy = ports.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        let busy = busy.context("no free TCP port")?;
        let port = busy.local_addr()?.port();
        assert_ne!(choose(Some(port))?, port);
        drop(busy);
        assert_eq!(choose(Some(port))?, port);
        Ok(())
    }
}
