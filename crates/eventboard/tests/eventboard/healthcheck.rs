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
    serve_once_at("127.0.0.1", status)
}

fn serve_once_at(host: &str, status: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind((host, 0)).unwrap();
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
fn the_address_on_which_the_service_listens_is_checked() {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    for host in ["127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"] {
        if host == "::1" && !has_ipv6 {
            continue;
        }
        let (folder, (port, server)) = (world_readable_folder(), serve_once_at(host, "200 OK"));
        let mut check = eventboard(folder.path(), "healthcheck");
        run(check.env("HOST", host).env("PORT", port.to_string())).success();
        assert_eq!(server.join().unwrap(), "GET /health/ready HTTP/1.1", "{host}");
    }
}

#[test]
fn the_url_of_an_ipv6_address_has_brackets() {
    let folder = world_readable_folder();
    let mut check = eventboard(folder.path(), "healthcheck");
    let output = run(check.env("HOST", "2001:db8::1").env("PORT", "1")).failure(1);
    assert!(output.contains("http://[2001:db8::1]:1/health/ready"), "{output}");
}

#[test]
fn a_response_does_not_act_on_the_terminal() {
    let (folder, (port, server)) =
        (world_readable_folder(), serve_once("503 Service Unavailable\r\n\r\n\u{1b}[2J\u{202e}"));
    let url = format!("healthcheck --url http://127.0.0.1:{port}/health");
    let output = run(&mut eventboard(folder.path(), &url)).failure(1);
    assert!(output.contains(r"\u{1b}[2J\u{202e}"), "{output}");
    server.join().unwrap();
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
