//! Tests of `run`, over real connections.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("a response");
    response
}

#[tokio::test]
async fn the_gateway_serves_without_its_services_and_stops_on_shutdown() {
    let variables = [("AUTH_SERVICE_PORT", "1"), ("EVENTS_SERVICE_PORT", "1")];
    let config = Config::from_env(&mut testing::env(variables));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = Shutdown::new();
    let gateway = tokio::spawn(run(config, listener, shutdown.clone()));

    assert!(get(address, "/health/live").await.starts_with("HTTP/1.1 200"));
    let waiting = get(address, "/health/ready").await;
    assert!(waiting.starts_with("HTTP/1.1 503") && waiting.contains("\"events-service\""), "{waiting}");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    assert!(get(address, "/health/ready").await.starts_with("HTTP/1.1 200"));
    let health = get(address, "/health").await;
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("retry-after: 1"), "{health}");
    assert!(health.contains("\"auth-service\"") && health.contains("\"events-service\""), "{health}");

    shutdown.begin(Duration::ZERO).await;
    let ended = tokio::time::timeout(Duration::from_secs(5), gateway).await;
    ended.expect("it stops in time").expect("no panic").expect("no failure");
}
