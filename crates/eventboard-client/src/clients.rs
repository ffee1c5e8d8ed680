//! The gRPC clients of the two services, which the gateway and the board share, and their health checks.

use std::{error::Error as _, sync::Arc};

use eventboard_chassis::{
    error::{ErrorCode, ServiceError},
    health::Check,
};
use eventboard_proto::{
    auth::auth_service_client::AuthServiceClient, events::events_service_client::EventsServiceClient,
};
use tonic::{Code, Status};

use crate::{Replicas, RetryConfig, ServiceChannel, Target, chain_text};

/// A service that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// auth-service: users and tokens.
    Auth,
    /// events-service: events.
    Events,
}

/// The generated gRPC clients, each with the channel to its service.
#[derive(Clone)]
pub struct Clients {
    auth: AuthServiceClient<ServiceChannel>,
    events: EventsServiceClient<ServiceChannel>,
    replicas: [Arc<Replicas>; 2],
}

impl Clients {
    /// Creates the clients and starts replica discovery for both services.
    pub fn new(auth: &Target, events: &Target, retry: &RetryConfig) -> Self {
        let find =
            |backend: Backend, target| Replicas::discover(backend.name(), backend.health_name(), target);
        let auth = find(Backend::Auth, auth);
        let events = find(Backend::Events, events);
        Self {
            auth: AuthServiceClient::new(ServiceChannel::new(&auth, retry)),
            events: EventsServiceClient::new(ServiceChannel::new(&events, retry)),
            replicas: [auth, events],
        }
    }

    /// One health check per service: whether it has a ready replica.
    pub fn checks(&self) -> Vec<Check> {
        self.replicas.iter().map(|replicas| replicas.check()).collect()
    }

    /// A client for one call to auth-service.
    pub fn auth(&self) -> AuthServiceClient<ServiceChannel> {
        self.auth.clone()
    }

    /// A client for one call to events-service.
    pub fn events(&self) -> EventsServiceClient<ServiceChannel> {
        self.events.clone()
    }
}

impl Backend {
    /// The name of the service in logs, metrics and health documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Events => "events-service",
        }
    }

    /// The gRPC service name whose health status includes the database.
    const fn health_name(self) -> &'static str {
        match self {
            Self::Auth => "eventboard.auth.v1.AuthService",
            Self::Events => "eventboard.events.v1.EventsService",
        }
    }

    /// Returns the reply to a call to this service.
    ///
    /// # Errors
    /// Returns the failed call as a [`ServiceError`]. The cause, which is only logged, contains the name of the
    /// service.
    pub fn reply<M>(self, result: Result<tonic::Response<M>, Status>) -> Result<M, ServiceError> {
        result.map(tonic::Response::into_inner).map_err(|status| self.service_error(status))
    }

    fn service_error(self, status: Status) -> ServiceError {
        let cause = format!("{}: {}", self.name(), describe(&status));
        let error = match status.code() {
            Code::Unimplemented => unknown_method(&cause),
            _ => ServiceError::from(status),
        };
        error.caused_by(cause)
    }

    /// The error for a reply in which a required field is missing or invalid: a bug in the service.
    pub fn invalid_reply(self, field: &str) -> ServiceError {
        ServiceError::internal(format!("{}: the reply has no valid {field}", self.name()))
    }
}

/// The error for a method that the replica does not have: it is of the release before, which an update is replacing. If no
/// update is in progress, this is a defect, so it is logged as one.
fn unknown_method(cause: &str) -> ServiceError {
    tracing::error!(cause, "A service does not have the method; is it older than the gateway?");
    ServiceError::new(ErrorCode::Unavailable, "The service is being updated. Try again shortly.")
}

/// Describes the status, for the log only.
fn describe(status: &Status) -> String {
    match status.source() {
        Some(source) => format!("{:?} {} ({})", status.code(), status.message(), chain_text(source)),
        None => format!("{:?} {}", status.code(), status.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_service_in_its_cause_only() {
        let error = Backend::Events.service_error(Status::unavailable("connection reset by peer"));
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(!error.message().contains("reset"), "the cause is for the log only");
        let cause = error.source().expect("a cause for the log").to_string();
        assert!(cause.contains("events-service") && cause.contains("reset"), "{cause}");
    }

    #[test]
    fn a_method_that_a_service_does_not_have_is_unavailable_and_other_failures_are_defects() {
        let code = |code| Backend::Auth.service_error(Status::new(code, "")).code();
        assert_eq!(code(Code::Unimplemented), ErrorCode::Unavailable);
        for defect in [Code::Unknown, Code::Internal, Code::DataLoss] {
            assert_eq!(code(defect), ErrorCode::Internal, "{defect:?}");
        }
    }
}
