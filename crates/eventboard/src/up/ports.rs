//! The ports, taken before anything slow is started.

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
    /// Takes all of them, or says which one is in use and which variable chooses another.
    pub(super) async fn bind(services: &Services) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: bind("api-gateway", "GATEWAY_PORT", &services.gateway.listen).await?,
            auth: bind("auth-service", "AUTH_SERVICE_PORT", &services.auth.listen).await?,
            events: bind("events-service", "EVENTS_SERVICE_PORT", &services.events.listen).await?,
        })
    }

    /// Where this machine reaches them.
    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            gateway: reachable(self.gateway.local_addr()?),
            auth: reachable(self.auth.local_addr()?),
            events: reachable(self.events.local_addr()?),
        })
    }
}

async fn bind(service: &str, variable: &'static str, listen: &ListenConfig) -> anyhow::Result<TcpListener> {
    server::bind(service, listen).await.map_err(|error| choose_another(&error, variable))
}

/// Completes the error of a port that cannot be had.
pub(super) fn choose_another(error: &anyhow::Error, variable: &str) -> anyhow::Error {
    anyhow!("{error:#}; {variable} chooses another port")
}

/// A listener on all addresses is dialled on the loopback one.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
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
    fn what_listens_everywhere_is_dialled_on_loopback() {
        let dialled = |address: &str| reachable(address.parse().expect("an address")).to_string();
        assert_eq!(dialled("0.0.0.0:3001"), "127.0.0.1:3001");
        assert_eq!(dialled("[::]:3001"), "[::1]:3001");
        assert_eq!(dialled("192.0.2.1:3001"), "192.0.2.1:3001");
    }
}
