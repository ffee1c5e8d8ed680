//! Binds the ports before any slow step starts.

use anyhow::anyhow;
use eventboard_chassis::{
    config::ListenConfig,
    server::{self, connectable},
};
use tokio::net::TcpListener;

use super::settings::{Addresses, Services};

/// A listener for each service.
pub(super) struct Ports {
    pub gateway: TcpListener,
    pub auth: TcpListener,
    pub events: TcpListener,
    pub notification: TcpListener,
}

impl Ports {
    /// Binds all ports. The error shows which port is in use and which variable selects another one.
    pub(super) async fn bind(services: &Services) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: bind("api-gateway", "GATEWAY_PORT", &services.gateway.listen).await?,
            auth: bind("auth-service", "AUTH_SERVICE_PORT", &services.auth.listen).await?,
            events: bind("events-service", "EVENTS_SERVICE_PORT", &services.events.listen).await?,
            notification: bind(
                "notification-service",
                "NOTIFICATION_SERVICE_PORT",
                &services.notification.listen,
            )
            .await?,
        })
    }

    /// The addresses to which clients on this machine connect.
    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            gateway: connectable(self.gateway.local_addr()?),
            auth: connectable(self.auth.local_addr()?),
            events: connectable(self.events.local_addr()?),
            notification: connectable(self.notification.local_addr()?),
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
