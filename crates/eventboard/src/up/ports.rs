//! Binds the ports before any slow step starts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;
use eventboard_chassis::{config::ListenConfig, server};
use tokio::net::TcpListener;

use super::settings::{Addresses, Services};

/// A listener for each service.
pub(super) struct Ports {
    pub gateway: TcpListener,
    pub auth: TcpListener,
    pub events: TcpListener,
}

impl Ports {
    /// Binds all ports. The error shows which port is in use and which variable selects another one.
    pub(super) async fn bind(services: &Services) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: bind("api-gateway", "GATEWAY_PORT", &services.gateway.listen).await?,
            auth: bind("auth-service", "AUTH_SERVICE_PORT", &services.auth.listen).await?,
            events: bind("events-service", "EVENTS_SERVICE_PORT", &services.events.listen).await?,
        })
    }

    /// The addresses to which clients on this machine connect.
    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            gateway: connectable(self.gateway.local_addr()?),
            auth: connectable(self.auth.local_addr()?),
            events: connectable(self.events.local_addr()?),
        })
    }
}

async fn bind(service: &str, variable: &'static str, listen: &ListenConfig) -> anyhow::Result<TcpListener> {
    server::bind(service, listen).await.map_err(|error| with_port_hint(&error, variable))
}

/// Extends the error for a port that cannot be bound with the variable that selects another port.
pub(super) fn with_port_hint(error: &anyhow::Error, variable: &str) -> anyhow::Error {
    anyhow!("{error:#}; set {variable} to use another port")
}

/// The address to connect to: the loopback address if the listener is bound to all addresses.
pub(super) fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        let connected = |address: &str| connectable(address.parse().expect("an address")).to_string();
        assert_eq!(connected("0.0.0.0:3001"), "127.0.0.1:3001");
        assert_eq!(connected("[::]:3001"), "[::1]:3001");
        assert_eq!(connected("192.0.2.1:3001"), "192.0.2.1:3001");
    }
}
