//! The services that every gRPC server has besides its own: health and reflection. They need no token, and are not
//! refused when the server is overloaded. Instead, one client can hold only some of their streams.

use anyhow::Context;
use axum::{Router, extract::Request, response::Response};
use eventboard_proto::health::health_server;
use http_body_util::BodyExt;
use metrics::Counter;
use tonic::{Status, server::NamedService};
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::Builder,
};

use super::{
    admission::{Requester, shed_requests},
    axum_service,
    grpc_health::grpc_health,
};
use crate::{
    error::{ErrorCode, ServiceError},
    fairness::SharedMemory,
    grpc::LAST_RESORT,
    health::Health,
    layer::{Inner, Next, layer_fn},
    shutdown::Shutdown,
};

/// The longest message to the health and reflection services, in bytes. It contains little more than a name.
const MAX_MESSAGE: usize = 1024;

/// The memory of a call: its stream, its task and its messages.
const MEMORY_OF_CALL: usize = 8 * 1024;

/// The memory for all calls of one server, in bytes. A client that is alone can hold an eighth of it: 1024 streams.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

/// The routes of health and reflection, for a server of this gRPC service.
///
/// # Errors
/// When the descriptors are invalid.
pub(super) fn router(
    health: &Health,
    service: &'static str,
    descriptors: &'static [u8],
    shutdown: &Shutdown,
) -> anyhow::Result<Router> {
    let invalid = "the gRPC descriptors are invalid";
    // Many clients still use only the older version.
    let v1 = reflection(service, descriptors).build_v1().context(invalid)?;
    let v1alpha = reflection(service, descriptors).build_v1alpha().context(invalid)?;
    let health = grpc_health(health.clone(), service);
    let router = Router::new()
        .route_service(&route_of(&health), axum_service(health.max_decoding_message_size(MAX_MESSAGE)))
        .route_service(&route_of(&v1), axum_service(v1.max_decoding_message_size(MAX_MESSAGE)))
        .route_service(&route_of(&v1alpha), axum_service(v1alpha.max_decoding_message_size(MAX_MESSAGE)));
    let limit =
        StreamLimit { memory: SharedMemory::new(MAX_MEMORY), shed: shed_requests("infrastructure_streams") };
    Ok(router.layer(layer_fn(limit, bound_streams)).layer(layer_fn(shutdown.clone(), count_last_resort)))
}

/// Lists only the services of this server. The descriptors also have those of others.
fn reflection(service: &'static str, descriptors: &'static [u8]) -> Builder<'static> {
    let names = [
        service,
        health_server::SERVICE_NAME,
        v1::server_reflection_server::SERVICE_NAME,
        v1alpha::server_reflection_server::SERVICE_NAME,
    ];
    let builder = Builder::configure()
        .register_encoded_file_descriptor_set(descriptors)
        .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(v1alpha::FILE_DESCRIPTOR_SET);
    names.into_iter().fold(builder, Builder::with_service_name)
}

fn route_of<S: NamedService>(_: &S) -> String {
    format!("/{}/{{*method}}", S::NAME)
}

/// Counts the health checks of gateways that would have no replica without this one, like requests. So the process waits
/// for such a gateway, even if none of its clients sends a request at the moment.
async fn count_last_resort(shutdown: Shutdown, request: Request, next: Next<impl Inner>) -> Response {
    if request.headers().contains_key(LAST_RESORT) {
        shutdown.record_request();
    }
    next.run(request).await
}

/// Bounds the streams of each client.
#[derive(Clone)]
struct StreamLimit {
    memory: SharedMemory,
    shed: Counter,
}

/// Refuses the call of a client that has its share of streams.
async fn bound_streams(limit: StreamLimit, request: Request, next: Next<impl Inner>) -> Response {
    let mut held = limit.memory.hold(Requester::of_call(&request).sender());
    if held.try_grow(MEMORY_OF_CALL).is_err() {
        limit.shed.increment(1);
        let error = ServiceError::new(ErrorCode::Overloaded, "This client has too many streams.");
        return Status::from(error).into_http();
    }
    next.run(request).await.map(|body| {
        axum::body::Body::new(body.map_frame(move |frame| {
            let _held_until_the_end = &held;
            frame
        }))
    })
}
