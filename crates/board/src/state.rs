//! The state that all pages share.

use std::sync::Arc;

use eventboard_chassis::{client_address::ClientSigner, public_url::PublicUrl, server::BodyReceiver};
use eventboard_client::Clients;

use crate::session::Sessions;

/// What the board needs to know.
#[derive(Debug, Clone)]
pub struct BoardConfig {
    /// `PUBLIC_URL`: the origin of the pages. Forms of other origins are refused.
    pub public_url: PublicUrl,
}

/// The board. It is cloned for every request.
#[derive(Clone)]
pub struct Board(Arc<BoardParts>);

struct BoardParts {
    config: BoardConfig,
    clients: Clients,
    client_signer: ClientSigner,
    body_receiver: BodyReceiver,
    sessions: Sessions,
}

impl Board {
    /// Creates the board. Pages call the services through `clients`.
    pub fn new(config: BoardConfig, clients: Clients, client_signer: ClientSigner) -> Self {
        let sessions = Sessions::new(clients.clone());
        let body_receiver = BodyReceiver::default();
        Self(Arc::new(BoardParts { config, clients, client_signer, body_receiver, sessions }))
    }

    pub(crate) fn public_url(&self) -> &PublicUrl {
        &self.0.config.public_url
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    pub(crate) fn client_signer(&self) -> &ClientSigner {
        &self.0.client_signer
    }

    pub(crate) fn body_receiver(&self) -> &BodyReceiver {
        &self.0.body_receiver
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}
