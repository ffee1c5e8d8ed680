//! The two services as the gateway calls them, and as its health sees them.

use std::{error::Error as _, time::Duration};

use eventboard_chassis::{
    client::{ServiceChannel, chain_text},
    error::{ErrorCode, ServiceError},
    health::Check,
};
use eventboard_proto::{
    auth::auth_service_client::AuthServiceClient, events::events_service_client::EventsServiceClient,
};
use tonic::{Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::config::Config;

/// A health answer that takes longer counts as none.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

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
}

impl Clients {
    /// Clients that connect with their first call.
    pub(crate) fn new(config: &Config) -> Self {
        let auth = config.auth.connect(Backend::Auth.name(), &config.retry);
        let events = config.events.connect(Backend::Events.name(), &config.retry);
        Self { auth: AuthServiceClient::new(auth), events: EventsServiceClient::new(events) }
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

    /// What a failed call means to the caller, with the service's name for the log.
    pub(crate) fn failure(self, status: Status) -> ServiceError {
        let cause = format!("{}: {}", self.name(), described(&status));
        ServiceError::from(status).caused_by(cause)
    }

    /// A reply that lacks what the protocol promises: a defect of the service.
    pub(crate) fn broken_reply(self, missing: &str) -> ServiceError {
        ServiceError::internal(format!("{}: the reply has no {missing}", self.name()))
    }
}

/// Looks at both services in the background.
pub(crate) fn checks(config: &Config) -> Vec<Check> {
    [(Backend::Auth, &config.auth), (Backend::Events, &config.events)]
        .into_iter()
        .map(|(backend, target)| {
            let client = HealthClient::new(target.channel());
            Check::spawn(backend.name(), move || probe(client.clone(), backend))
        })
        .collect()
}

async fn probe(mut client: HealthClient<Channel>, backend: Backend) -> Result<(), &'static str> {
    let request = HealthCheckRequest { service: backend.health_name().to_owned() };
    match tokio::time::timeout(HEALTH_TIMEOUT, client.check(request)).await {
        Ok(Ok(reply)) if reply.get_ref().status() == ServingStatus::Serving => Ok(()),
        Ok(Ok(_)) => Err("it says that it is not serving"),
        Ok(Err(_)) => Err("it cannot be reached"),
        Err(_) => Err("it does not answer within a second"),
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
