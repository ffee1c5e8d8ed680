//! `eventboard healthcheck`, as containers call it.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use crate::support::{eventboard, finish, open_folder};

/// A service that answers one request in this way, and tells its first line.
fn service(status: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
        String::from_utf8_lossy(&request[..length]).lines().next().unwrap().to_owned()
    });
    (port, serving)
}

#[test]
fn a_service_that_answers_200_is_healthy() {
    let (folder, (port, serving)) = (open_folder(), service("200 OK"));
    let url = format!("healthcheck --url http://localhost:{port}/health?all=1");
    finish(&mut eventboard(folder.path(), &url)).success();
    assert_eq!(serving.join().unwrap(), "GET /health?all=1 HTTP/1.1");
}

#[test]
fn without_a_url_the_port_of_the_container_is_asked_whether_it_is_ready() {
    let (folder, (port, serving)) = (open_folder(), service("200 OK"));
    let mut check = eventboard(folder.path(), "healthcheck");
    finish(check.env("GATEWAY_PORT", "1").env("PORT", port.to_string())).success();
    assert_eq!(serving.join().unwrap(), "GET /health/ready HTTP/1.1");
}

#[test]
fn any_other_answer_is_unhealthy_and_told() {
    let (folder, (port, serving)) = (open_folder(), service("503 Service Unavailable"));
    let url = format!("healthcheck --url http://127.0.0.1:{port}/health");
    let said = finish(&mut eventboard(folder.path(), &url)).failure(1);
    assert!(said.contains("answered 503: {}"), "{said}");
    serving.join().unwrap();
}

#[test]
fn nobody_there_is_unhealthy() {
    let folder = open_folder();
    let said = finish(eventboard(folder.path(), "healthcheck").env("PORT", "1")).failure(1);
    assert!(said.contains("http://127.0.0.1:1/health/ready failed"), "{said}");
}
