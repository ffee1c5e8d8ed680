//! The state that all handlers share.

use std::sync::Arc;

use eventboard_chassis::{
    client_address::ClientSigner,
    server::{Admission, BodyReceiver},
};

use eventboard_client::Clients;

use crate::{config::Config, policy::OperationPolicy, user_validator::UserValidator};

/// The maximum number of exports at the same time. Each holds a page, some hundred kilobytes, for as long as its client takes to
/// read it.
const MAX_EXPORTS: u32 = 32;

/// The state of all routes. It is cloned for every request.
#[derive(Clone)]
pub(crate) struct AppState(Arc<AppStateParts>);

struct AppStateParts {
    clients: Clients,
    user_validator: UserValidator,
    body_receiver: BodyReceiver,
    client_signer: ClientSigner,
    exports: Admission,
    page_policy: OperationPolicy,
}

impl AppState {
    /// Creates the state. Handlers call the services through `clients`.
    pub(crate) fn new(config: &Config, clients: Clients) -> Self {
        let user_validator = UserValidator::new(clients.clone(), config.policies.validate_user);
        let body_receiver = BodyReceiver::default();
        let client_signer = ClientSigner::new(&config.token.secret);
        Self(Arc::new(AppStateParts {
            clients,
            user_validator,
            body_receiver,
            client_signer,
            exports: Admission::new(MAX_EXPORTS),
            page_policy: config.policies.list,
        }))
    }

    /// The gRPC clients of the services.
    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// The validator for the users of tokens, with its cache.
    pub(crate) fn user_validator(&self) -> &UserValidator {
        &self.0.user_validator
    }

    /// Signs the address of a client for the services.
    pub(crate) fn client_signer(&self) -> &ClientSigner {
        &self.0.client_signer
    }

    /// Limits how many exports run at the same time, and how many of them one client has.
    pub(crate) fn exports(&self) -> &Admission {
        &self.0.exports
    }

    /// The policy for each page of a response that consists of several.
    pub(crate) fn page_policy(&self) -> OperationPolicy {
        self.0.page_policy
    }

    /// The receiver of all bodies.
    pub(crate) fn body_receiver(&self) -> &BodyReceiver {
        &self.0.body_receiver
    }
}
