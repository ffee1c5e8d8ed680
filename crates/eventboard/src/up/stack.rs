//! Runs the four services in this process.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, anyhow};
use eventboard_chassis::shutdown::{Drain, Shutdown};
use tokio::task::JoinSet;

use super::{
    ports::Ports,
    settings::{Addresses, Services},
};
use crate::http_get;

/// The pause between two readiness checks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

type ServiceExit = (&'static str, anyhow::Result<()>);

/// The running services. The gateway can be stopped before the services that it calls.
#[derive(Default)]
pub(super) struct Stack {
    gateway: JoinSet<ServiceExit>,
    gateway_shutdown: Shutdown,
    backends: JoinSet<ServiceExit>,
    backends_shutdown: Shutdown,
}

impl Stack {
    /// The shutdown of all parts except the gateway.
    pub(super) fn backends_shutdown(&self) -> Shutdown {
        self.backends_shutdown.clone()
    }

    /// Starts the services and waits until the gateway reports that it is healthy.
    ///
    /// # Errors
    /// When a service fails.
    pub(super) async fn start(
        &mut self,
        services: Services,
        ports: Ports,
        addresses: Addresses,
    ) -> anyhow::Result<()> {
        let Services { auth, events, notification, gateway } = services;
        let shutdown = &self.backends_shutdown;
        spawn(&mut self.backends, "auth-service", auth_service::run(auth, ports.auth, shutdown.clone()));
        let events = events_service::run(events, ports.events, shutdown.clone());
        spawn(&mut self.backends, "events-service", events);
        let notification = notification_service::run(notification, ports.notification, shutdown.clone());
        spawn(&mut self.backends, "notification-service", notification);
        self.wait_for_success(addresses.auth, "/health/ready").await?;
        self.wait_for_success(addresses.events, "/health/ready").await?;
        self.wait_for_success(addresses.notification, "/health/ready").await?;
        // The gateway starts last, so that it finds both services at its first attempt.
        let gateway = api_gateway::run(gateway, ports.gateway, self.gateway_shutdown.clone());
        spawn(&mut self.gateway, "api-gateway", gateway);
        self.wait_for_success(addresses.gateway, "/health").await
    }

    /// Waits until a service ends although it was not stopped, and returns the reason.
    pub(super) async fn wait_for_failure(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            Some(ended) = self.gateway.join_next() => ended,
            Some(ended) = self.backends.join_next() => ended,
            else => return anyhow!("no service is running"),
        };
        match ended {
            Ok((name, Ok(()))) => anyhow!("{name} stopped unexpectedly"),
            Ok((name, Err(error))) => error.context(name),
            Err(error) => anyhow!("a service failed: {error}"),
        }
    }

    /// Stops the gateway, then the services that it calls. Requests in flight are completed.
    ///
    /// # Errors
    /// When a service fails while it stops.
    pub(super) async fn drain(self, drain: Drain) -> anyhow::Result<()> {
        self.gateway_shutdown.drain(drain).await;
        let gateway = join_all(self.gateway).await;
        self.backends_shutdown.begin(Duration::ZERO).await;
        join_all(self.backends).await.and(gateway)
    }

    /// Polls the path until it returns 200.
    async fn wait_for_success(&mut self, address: SocketAddr, path: &str) -> anyhow::Result<()> {
        let url = format!("http://{address}{path}");
        let ready = async {
            while !http_get::get(&url).await.is_ok_and(|response| response.status == 200) {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        tokio::select! {
            () = ready => Ok(()),
            error = self.wait_for_failure() => Err(error),
        }
    }
}

fn spawn<F>(services: &mut JoinSet<ServiceExit>, name: &'static str, service: F)
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    services.spawn(async move { (name, service.await) });
}

async fn join_all(mut services: JoinSet<ServiceExit>) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    while let Some(ended) = services.join_next().await {
        let (name, ended) = ended.context("a service failed")?;
        outcome = outcome.and(ended.context(name));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn a_service_that_fails_is_named_with_its_reason() {
        let mut stack = Stack::default();
        spawn(&mut stack.gateway, "api-gateway", std::future::pending());
        spawn(&mut stack.backends, "auth-service", async { Err(anyhow!("no locale")) });
        assert_eq!(format!("{:#}", stack.wait_for_failure().await), "auth-service: no locale");
    }

    #[tokio::test]
    async fn a_service_that_ends_without_an_error_is_a_failure() {
        let mut stack = Stack::default();
        spawn(&mut stack.gateway, "api-gateway", async { Ok(()) });
        assert!(stack.wait_for_failure().await.to_string().contains("api-gateway stopped unexpectedly"));
    }

    #[tokio::test]
    async fn the_gateway_ends_before_the_backends_are_stopped() {
        let (mut stack, log) = (Stack::default(), Arc::new(Mutex::new(Vec::new())));
        let service = |name, shutdown: &Shutdown| {
            let (shutdown, log) = (shutdown.clone(), Arc::clone(&log));
            async move {
                shutdown.stopping().await;
                tokio::task::yield_now().await;
                log.lock().expect("a list").push(name);
                Ok(())
            }
        };
        let backend = service("backend", &stack.backends_shutdown);
        let gateway = service("gateway", &stack.gateway_shutdown);
        spawn(&mut stack.backends, "backend", backend);
        spawn(&mut stack.gateway, "gateway", gateway);
        let drain = Drain { grace: Duration::ZERO, timeout: Duration::ZERO };
        stack.drain(drain).await.expect("a clean end");
        assert_eq!(*log.lock().expect("a list"), ["gateway", "backend"]);
    }
}
