//! The state that all handlers share.

use std::sync::Arc;

use crate::{clients::Clients, config::Config, user_validator::UserValidator};

/// The state of all routes. It is cloned for every request.
#[derive(Clone)]
pub(crate) struct AppState(Arc<AppStateParts>);

struct AppStateParts {
    clients: Clients,
    user_validator: UserValidator,
}

impl AppState {
    /// Creates the state. Handlers call the services through `clients`.
    pub(crate) fn new(config: &Config, clients: Clients) -> Self {
        let user_validator = UserValidator::new(clients.clone(), config.policies.login);
        Self(Arc::new(AppStateParts { clients, user_validator }))
    }

    /// The gRPC clients of the services.
    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// The validator for the users of tokens, with its cache.
    pub(crate) fn user_validator(&self) -> &UserValidator {
        &self.0.user_validator
    }
}
