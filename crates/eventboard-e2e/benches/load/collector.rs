//! A trace collector that accepts and discards all spans.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{Request, Response, Status, transport::Server};

struct DiscardingCollector;

#[tonic::async_trait]
impl TraceService for DiscardingCollector {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

pub(crate) async fn serve(listen: SocketAddr) {
    Server::builder().add_service(TraceServiceServer::new(DiscardingCollector)).serve(listen).await.unwrap();
}
