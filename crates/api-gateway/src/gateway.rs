//! What the handlers share.

use std::sync::Arc;

use crate::{clients::Clients, config::Config, sessions::Sessions};

/// The state of all routes; it is cloned for every request.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<GatewayParts>);

struct GatewayParts {
    clients: Clients,
    sessions: Sessions,
}

impl Gateway {
    /// The state of a gateway that calls its services through `clients`.
    pub(crate) fn new(config: &Config, clients: Clients) -> Self {
        let sessions = Sessions::new(clients.clone(), config.policies.login);
        Self(Arc::new(GatewayParts { clients, sessions }))
    }

    /// The services.
    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// The users whom auth-service has confirmed lately.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}
