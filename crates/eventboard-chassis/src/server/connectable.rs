//! The address at which a process reaches its own machine's ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Returns the address at which this machine reaches a listener that is bound to `address`: a loopback address if the
/// listener is bound to all addresses.
pub fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => ipv6_loopback().unwrap_or(Ipv4Addr::LOCALHOST.into()),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A container may have no IPv6 loopback address. A listener on `::` then receives only IPv4.
fn ipv6_loopback() -> Option<IpAddr> {
    let address = Ipv6Addr::LOCALHOST;
    TcpListener::bind((address, 0)).is_ok().then_some(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::listener::listen;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        let connected = |address: &str| connectable(address.parse().expect("an address")).to_string();
        let ipv6 = if ipv6_loopback().is_some() { "[::1]:3001" } else { "127.0.0.1:3001" };
        for (address, expected) in [
            ("0.0.0.0:3001", "127.0.0.1:3001"),
            ("[::ffff:0.0.0.0]:3001", "127.0.0.1:3001"),
            ("[::]:3001", ipv6),
            ("192.0.2.1:3001", "192.0.2.1:3001"),
            ("[::ffff:192.0.2.1]:3001", "192.0.2.1:3001"),
            ("[2001:db8::1]:3001", "[2001:db8::1]:3001"),
        ] {
            assert_eq!(connected(address), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn a_listener_on_any_local_address_is_reached() {
        for host in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"] {
            let host: IpAddr = host.parse().expect("an address");
            if host == Ipv6Addr::LOCALHOST && ipv6_loopback().is_none() {
                continue;
            }
            let listener = listen((host, 0).into()).expect("a port");
            let address = connectable(listener.local_addr().expect("bound"));
            std::net::TcpStream::connect(address)
                .unwrap_or_else(|error| panic!("{host} at {address}: {error}"));
        }
    }
}
