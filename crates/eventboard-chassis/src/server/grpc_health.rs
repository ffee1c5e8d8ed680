//! The gRPC health service (`grpc.health.v1`). `tonic-health` lacks the method `List`, refuses to watch a service that
//! it does not know, and its streams do not end when the server stops.

use std::collections::HashMap;

use eventboard_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus,
    health_server::{Health as HealthMethods, HealthServer},
};
use futures::stream::{self, BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::exchange::Exchange;
use crate::health::{Health, HealthChanges};

/// The name of the whole process.
const PROCESS: &str = "";

/// The health service. The process (the empty name) is SERVING until it drains, and `service`, the full name of a gRPC
/// service, while it is ready.
pub fn grpc_health(health: Health, service: &'static str) -> HealthServer<impl HealthMethods> {
    HealthServer::new(GrpcHealth { health, service })
}

/// The methods of the health service.
#[derive(Clone)]
struct GrpcHealth {
    health: Health,
    /// The full name of the gRPC service of this process.
    service: &'static str,
}

impl GrpcHealth {
    fn status(&self, name: &str) -> Option<ServingStatus> {
        let is_serving = match name {
            PROCESS => !self.health.is_draining(),
            name if name == self.service => self.health.is_ready(),
            _ => return None,
        };
        Some(if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing })
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl HealthMethods for GrpcHealth {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let status = self.status(&request.get_ref().service);
        let status = status.ok_or_else(|| Status::not_found("This server does not know the service."))?;
        Ok(Response::new(response(status)))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        let status = |name: &str| Some((name.to_owned(), response(self.status(name)?)));
        let statuses: HashMap<_, _> = [PROCESS, self.service].into_iter().filter_map(status).collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let exchange = request.extensions().get::<Exchange>();
        let watcher = Watcher {
            closing: exchange.map(Exchange::set_endless).unwrap_or_default(),
            changes: self.health.changes(),
            health: self.clone(),
            name: request.into_inner().service,
            sent: None,
        };
        Ok(Response::new(stream::unfold(watcher, Watcher::next).boxed()))
    }
}

/// A client that watches a service.
struct Watcher {
    health: GrpcHealth,
    name: String,
    changes: HealthChanges,
    /// The status that the client knows.
    sent: Option<ServingStatus>,
    /// Cancelled when the connection is being closed. Then the stream ends with OK, and the client watches again, on
    /// another connection.
    closing: CancellationToken,
}

impl Watcher {
    /// The next status that differs from the one before. `None` when the connection is being closed.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        loop {
            let status = self.health.status(&self.name).unwrap_or(ServingStatus::ServiceUnknown);
            if self.sent.replace(status) != Some(status) {
                return Some((Ok(response(status)), self));
            }
            tokio::select! {
                // So that the client learns that the service drains before the stream ends.
                biased;
                () = self.changes.next() => {}
                () = self.closing.cancelled() => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;
    use crate::{health::Check, shutdown::Shutdown};

    const SERVICE: &str = "test.Service";

    /// The health of a service with one dependency.
    struct Service {
        health: GrpcHealth,
        is_up: watch::Sender<bool>,
        shutdown: Shutdown,
    }

    impl Service {
        fn start() -> Self {
            let (is_up, changes) = watch::channel(true);
            let (shutdown, current) = (Shutdown::new(), changes.clone());
            let state = move || if *current.borrow() { Ok(()) } else { Err("down") };
            let check = Check::on_changes("dependency", changes, state);
            let health = Health::of_backend("service", shutdown.clone(), vec![check]);
            Self { health: GrpcHealth { health, service: SERVICE }, is_up, shutdown }
        }

        async fn watch(&self, name: &str) -> BoxStream<'static, Result<HealthCheckResponse, Status>> {
            let request = Request::new(HealthCheckRequest { service: name.to_owned() });
            self.health.watch(request).await.expect("a stream").into_inner()
        }

        async fn check(&self, name: &str) -> Result<ServingStatus, tonic::Code> {
            let request = Request::new(HealthCheckRequest { service: name.to_owned() });
            let reply = self.health.check(request).await.map_err(|status| status.code())?;
            Ok(reply.into_inner().status())
        }

        async fn list(&self) -> Vec<(String, ServingStatus)> {
            let reply = self.health.list(Request::new(HealthListRequest {})).await.expect("a list");
            let statuses = reply.into_inner().statuses.into_iter();
            let mut list: Vec<_> = statuses.map(|(name, health)| (name, health.status())).collect();
            list.sort_by(|one, other| one.0.cmp(&other.0));
            list
        }

        async fn wait_for(&self, status: ServingStatus) {
            while self.check(SERVICE).await != Ok(status) {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn next(stream: &mut BoxStream<'static, Result<HealthCheckResponse, Status>>) -> ServingStatus {
        stream.next().await.expect("the stream goes on").expect("a status").status()
    }

    #[tokio::test]
    async fn a_watcher_gets_the_current_status_and_then_only_changes() {
        let service = Service::start();
        service.wait_for(ServingStatus::Serving).await;
        let (mut watched, mut process) = (service.watch(SERVICE).await, service.watch(PROCESS).await);
        assert_eq!(next(&mut watched).await, ServingStatus::Serving);
        assert_eq!(next(&mut process).await, ServingStatus::Serving);
        // Reported again, but not changed.
        service.is_up.send_replace(true);
        service.is_up.send_replace(false);
        assert_eq!(next(&mut watched).await, ServingStatus::NotServing);
        service.is_up.send_replace(true);
        assert_eq!(next(&mut watched).await, ServingStatus::Serving);
        assert!(futures::poll!(process.next()).is_pending(), "the process itself served all the time");
        service.shutdown.begin(Duration::ZERO).await;
        for stream in [&mut watched, &mut process] {
            assert_eq!(next(stream).await, ServingStatus::NotServing);
            assert!(futures::poll!(stream.next()).is_pending(), "its connection is open");
        }
    }

    #[tokio::test]
    async fn an_unknown_service_can_be_watched_but_not_checked() {
        let service = Service::start();
        for name in ["test.Unknown", "test.service", " ", "grpc.health.v1.Health"] {
            let mut watched = service.watch(name).await;
            assert_eq!(next(&mut watched).await, ServingStatus::ServiceUnknown);
            service.is_up.send_replace(false);
            assert!(futures::poll!(watched.next()).is_pending(), "{name:?}");
            assert_eq!(service.check(name).await, Err(tonic::Code::NotFound), "{name:?}");
        }
    }

    #[tokio::test]
    async fn the_list_has_the_process_and_its_service() {
        let service = Service::start();
        service.wait_for(ServingStatus::Serving).await;
        let list =
            |process, of_service| vec![(PROCESS.to_owned(), process), (SERVICE.to_owned(), of_service)];
        assert_eq!(service.list().await, list(ServingStatus::Serving, ServingStatus::Serving));
        service.is_up.send_replace(false);
        service.wait_for(ServingStatus::NotServing).await;
        assert_eq!(service.list().await, list(ServingStatus::Serving, ServingStatus::NotServing));
        service.shutdown.begin(Duration::ZERO).await;
        assert_eq!(service.list().await, list(ServingStatus::NotServing, ServingStatus::NotServing));
    }
}
