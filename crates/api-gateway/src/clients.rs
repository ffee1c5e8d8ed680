//! The two services as the gateway calls them, and as its health sees them.

use std::{error::Error as _, sync::Arc};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    health::Check,
};
use eventboard_client::{Replicas, ServiceChannel, chain_text};
use eventboard_proto::{
    auth::auth_service_client::AuthServiceClient, events::events_service_client::EventsServiceClient,
};
use tonic::Status;

use crate::config::Config;

/// A service behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Users and their tokens.
    Auth,
    /// Events.
    Events,
}

/// The generated clients, each above the stack of its service.
#[derive(Clone)]
pub(crate) struct Clients {
    auth: AuthServiceClient<ServiceChannel>,
    events: EventsServiceClient<ServiceChannel>,
    replicas: [Arc<Replicas>; 2],
}

impl Clients {
    /// Begins to look for the replicas of both services.
    pub(crate) fn new(config: &Config) -> Self {
        let find = |backend: Backend, target| Replicas::find(backend.name(), backend.health_name(), target);
        let auth = find(Backend::Auth, &config.auth);
        let events = find(Backend::Events, &config.events);
        Self {
            auth: AuthServiceClient::new(ServiceChannel::new(&auth, &config.retry)),
            events: EventsServiceClient::new(ServiceChannel::new(&events, &config.retry)),
            replicas: [auth, events],
        }
    }

    /// Whether each service has a replica that is ready.
    pub(crate) fn checks(&self) -> Vec<Check> {
        self.replicas.iter().map(|replicas| replicas.check()).collect()
    }

    /// A client of auth-service, for one call.
    pub(crate) fn auth(&self) -> AuthServiceClient<ServiceChannel> {
        self.auth.clone()
    }

    /// A client of events-service, for one call.
    pub(crate) fn events(&self) -> EventsServiceClient<ServiceChannel> {
        self.events.clone()
    }
}

impl Backend {
    /// As operators and logs know it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Events => "events-service",
        }
    }

    /// The gRPC service whose health counts its database as well.
    const fn health_name(self) -> &'static str {
        match self {
            Self::Auth => "eventboard.auth.v1.AuthService",
            Self::Events => "eventboard.events.v1.EventsService",
        }
    }

    /// The message that the service answered with.
    ///
    /// # Errors
    /// What a failed call means to the caller, with the service's name for the log.
    pub(crate) fn reply<M>(self, answer: Result<tonic::Response<M>, Status>) -> Result<M, ServiceError> {
        answer.map(tonic::Response::into_inner).map_err(|status| self.failure(status))
    }

    fn failure(self, status: Status) -> ServiceError {
        let cause = format!("{}: {}", self.name(), described(&status));
        ServiceError::from(status).caused_by(cause)
    }

    /// A reply that lacks what the protocol promises: a defect of the service.
    pub(crate) fn broken_reply(self, missing: &str) -> ServiceError {
        ServiceError::internal(format!("{}: the reply has no {missing}", self.name()))
    }
}

/// For the log only.
fn described(status: &Status) -> String {
    match status.source() {
        Some(source) => format!("{:?} {} ({})", status.code(), status.message(), chain_text(source)),
        None => format!("{:?} {}", status.code(), status.message()),
    }
}

/// The failure of a request whose time is up.
pub(crate) fn deadline_passed() -> ServiceError {
    ServiceError::new(
        ErrorCode::DeadlineExceeded,
        "The request took too long; the outcome of a write is open. Repeat it with the same Idempotency-Key.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_service_in_the_log_only() {
        let failure = Backend::Events.failure(Status::unavailable("connection reset by peer"));
        assert_eq!(failure.code(), ErrorCode::Unavailable);
        assert!(!failure.message().contains("reset"), "the cause is for the log only");
        let cause = failure.source().expect("a cause for the log").to_string();
        assert!(cause.contains("events-service") && cause.contains("reset"), "{cause}");
    }
}
