//! Tests of `eventboard healthcheck`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use crate::support::{eventboard, run, world_readable_folder};

/// Starts a server that responds to one request with this status. Returns its port and its thread, which returns the
/// request line.
fn serve_once(status: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
        String::from_utf8_lossy(&request[..length]).lines().next().unwrap().to_owned()
    });
    (port, server)
}

#[test]
fn a_service_that_returns_200_is_healthy() {
    let (folder, (port, server)) = (world_readable_folder(), serve_once("200 OK"));
    let url = format!("healthcheck --url http://localhost:{port}/health?all=1");
    run(&mut eventboard(folder.path(), &url)).success();
    assert_eq!(server.join().unwrap(), "GET /health?all=1 HTTP/1.1");
}

#[test]
fn without_a_url_the_readiness_of_this_container_is_checked() {
    let (folder, (port, server)) = (world_readable_folder(), serve_once("200 OK"));
    let mut check = eventboard(folder.path(), "healthcheck");
    run(check.env("GATEWAY_PORT", "1").env("PORT", port.to_string())).success();
    assert_eq!(server.join().unwrap(), "GET /health/ready HTTP/1.1");
}

#[test]
fn any_other_status_is_unhealthy_and_reported() {
    let (folder, (port, server)) = (world_readable_folder(), serve_once("503 Service Unavailable"));
    let url = format!("healthcheck --url http://127.0.0.1:{port}/health");
    let output = run(&mut eventboard(folder.path(), &url)).failure(1);
    assert!(output.contains("returned 503: {}"), "{output}");
    server.join().unwrap();
}

#[test]
fn an_unreachable_service_is_unhealthy() {
    let folder = world_readable_folder();
    let output = run(eventboard(folder.path(), "healthcheck").env("PORT", "1")).failure(1);
    assert!(output.contains("http://127.0.0.1:1/health/ready failed"), "{output}");
}
