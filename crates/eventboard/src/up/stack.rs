//! The three services in this process.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, anyhow};
use eventboard_chassis::shutdown::Shutdown;
use tokio::task::JoinSet;

use super::{
    ports::Ports,
    settings::{Addresses, Services},
};
use crate::probe;

/// Between two questions whether a service is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

type Ended = (&'static str, anyhow::Result<()>);

/// The services that run. The gateway can be told to leave before those it calls.
#[derive(Default)]
pub(super) struct Stack {
    edge: JoinSet<Ended>,
    edge_shutdown: Shutdown,
    backends: JoinSet<Ended>,
    backends_shutdown: Shutdown,
}

impl Stack {
    /// The end of everything but the gateway.
    pub(super) fn backends_shutdown(&self) -> Shutdown {
        self.backends_shutdown.clone()
    }

    /// Starts them and waits until the gateway's health is 200.
    ///
    /// # Errors
    /// When one of them fails.
    pub(super) async fn start(
        &mut self,
        services: Services,
        ports: Ports,
        addresses: Addresses,
    ) -> anyhow::Result<()> {
        let Services { auth, events, gateway } = services;
        let shutdown = &self.backends_shutdown;
        spawn(&mut self.backends, "auth-service", auth_service::run(auth, ports.auth, shutdown.clone()));
        let events = events_service::run(events, ports.events, shutdown.clone());
        spawn(&mut self.backends, "events-service", events);
        self.answers(addresses.auth, "/health/ready").await?;
        self.answers(addresses.events, "/health/ready").await?;
        // Last, because it then finds both when it looks for them the first time.
        let gateway = api_gateway::run(gateway, ports.gateway, self.edge_shutdown.clone());
        spawn(&mut self.edge, "api-gateway", gateway);
        self.answers(addresses.gateway, "/health").await
    }

    /// Completes when a service ends that nobody told to, with the reason.
    pub(super) async fn broken(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            Some(ended) = self.edge.join_next() => ended,
            Some(ended) = self.backends.join_next() => ended,
            else => return anyhow!("no service is running"),
        };
        match ended {
            Ok((name, Ok(()))) => anyhow!("{name} ended without having been told to"),
            Ok((name, Err(error))) => error.context(name),
            Err(panic) => anyhow!("a service failed: {panic}"),
        }
    }

    /// Stops the gateway, then the services that it calls; what is in flight finishes.
    ///
    /// # Errors
    /// When a service fails while it stops.
    pub(super) async fn drain(self, grace: Duration) -> anyhow::Result<()> {
        self.edge_shutdown.begin(grace).await;
        let edge = finish(self.edge).await;
        self.backends_shutdown.begin(Duration::ZERO).await;
        finish(self.backends).await.and(edge)
    }

    async fn answers(&mut self, address: SocketAddr, path: &str) -> anyhow::Result<()> {
        let url = format!("http://{address}{path}");
        let ready = async {
            while !probe::get(&url).await.is_ok_and(|answer| answer.status == 200) {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        tokio::select! {
            () = ready => Ok(()),
            error = self.broken() => Err(error),
        }
    }
}

fn spawn<F>(services: &mut JoinSet<Ended>, name: &'static str, service: F)
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    services.spawn(async move { (name, service.await) });
}

async fn finish(mut services: JoinSet<Ended>) -> anyhow::Result<()> {
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
        spawn(&mut stack.edge, "api-gateway", std::future::pending());
        spawn(&mut stack.backends, "auth-service", async { Err(anyhow!("no locale")) });
        assert_eq!(format!("{:#}", stack.broken().await), "auth-service: no locale");
    }

    #[tokio::test]
    async fn a_service_that_just_ends_is_a_failure_too() {
        let mut stack = Stack::default();
        spawn(&mut stack.edge, "api-gateway", async { Ok(()) });
        assert!(stack.broken().await.to_string().contains("api-gateway ended"));
    }

    #[tokio::test]
    async fn the_gateway_has_ended_before_its_backends_are_told_to() {
        let (mut stack, log) = (Stack::default(), Arc::new(Mutex::new(Vec::new())));
        let told = |name, shutdown: &Shutdown| {
            let (shutdown, log) = (shutdown.clone(), Arc::clone(&log));
            async move {
                shutdown.stopping().await;
                tokio::task::yield_now().await;
                log.lock().expect("a list").push(name);
                Ok(())
            }
        };
        let backend = told("backend", &stack.backends_shutdown);
        let edge = told("edge", &stack.edge_shutdown);
        spawn(&mut stack.backends, "backend", backend);
        spawn(&mut stack.edge, "edge", edge);
        stack.drain(Duration::ZERO).await.expect("a clean end");
        assert_eq!(*log.lock().expect("a list"), ["edge", "backend"]);
    }
}
