//! Limits for the connections of one client.

use std::net::SocketAddr;

use futures::future::join_all;
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::support::{Stack, metrics::Metrics, wait_until};

/// More than the limit in these tests.
const MANY: usize = 20;

async fn open_many(address: SocketAddr) -> Vec<TcpStream> {
    join_all((0..MANY).map(|_| async { TcpStream::connect(address).await.unwrap() })).await
}

#[tokio::test]
async fn the_gateway_and_the_services_limit_the_connections_of_one_address() {
    let stack = Stack::start_with_metrics(&[("MAX_CONNECTIONS_PER_ADDRESS", "8")]).await;
    for process in [&stack.gateway, &stack.events] {
        let mut connections = open_many(process.address).await;
        let closed = async || {
            let reason = [("reason", "address_limit")];
            Metrics::scrape(process).await.value("eventboard_ended_connections_total", &reason)
        };
        let excess = f64::from(u32::try_from(MANY - 8).unwrap());
        wait_until("the excess connections are closed", async || closed().await >= Some(excess)).await;
        // A reset also means that it is closed.
        assert_eq!(connections.last_mut().unwrap().read(&mut [0]).await.unwrap_or(0), 0);
    }
    stack.wait_until_healthy().await;
}

#[tokio::test]
async fn a_trusted_proxy_has_any_number_of_connections_to_the_gateway() {
    let proxy = [("MAX_CONNECTIONS_PER_ADDRESS", "8"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let stack = Stack::start_with_metrics(&proxy).await;
    let _connections = open_many(stack.gateway.address).await;
    stack.anonymous().get("/health/live").await.expect(200);
    let gateway = Metrics::scrape(&stack.gateway).await;
    let closed = gateway.value("eventboard_ended_connections_total", &[("reason", "address_limit")]);
    assert_eq!(closed, Some(0.0));
}
