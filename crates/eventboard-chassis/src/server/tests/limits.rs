use std::{net::Ipv4Addr, time::Instant};

use axum::extract::ConnectInfo;

use super::*;

/// The limits of production, except that no test waits long for a head.
const LIMITS: ConnectionLimits =
    ConnectionLimits { head_timeout: Duration::from_millis(300), ..ConnectionLimits::PUBLIC };

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// A HEADERS frame for stream 1 without END_HEADERS: `:method: GET`.
const UNFINISHED_HEADERS: &[u8] = b"\0\0\x01\x01\x01\0\0\0\x01\x82";

#[tokio::test]
async fn a_handler_gets_the_address_of_its_peer() {
    let peer = get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string());
    let server = Server::start(Router::new().route("/", peer), ConnectionLimits::PUBLIC);
    let response = server.exchange(LAST_REQUEST).await;
    assert!(response.ends_with("127.0.0.1"), "{response}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_thing_is_closed() {
    let server = Server::start(served(), LIMITS);
    let unfinished_headers = [PREFACE, SETTINGS, UNFINISHED_HEADERS].concat();
    let beginnings: [&[u8]; 7] = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost",
        &PREFACE[..10],
        PREFACE,
        &[PREFACE, &SETTINGS[..5]].concat(),
        &unfinished_headers,
    ];
    let closed = beginnings.map(|beginning| {
        let (beginning, server) = (beginning.to_vec(), &server);
        async move {
            let mut stream = server.connect().await;
            send(&mut stream, beginning).await;
            assert!(!read_until_closed(&mut stream).await.contains("served"));
        }
    });
    futures::future::join_all(closed).await;
}

#[tokio::test]
async fn a_head_that_arrives_byte_by_byte_has_the_same_limit() {
    let server = Server::start(served(), LIMITS);
    let (mut reader, mut writer) = server.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(LIMITS.head_timeout / 10).await;
        }
    });
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, reader.read_to_end(&mut bytes)).await.expect("it is closed").ok();
    trickle.await.expect("no panic");
}

#[tokio::test]
async fn half_a_second_request_is_closed_but_a_pause_before_it_is_not() {
    let server = Server::start(served(), LIMITS);
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    read_until(&mut stream, "served").await;
    tokio::time::sleep(LIMITS.head_timeout * 2).await;
    send(&mut stream, REQUEST).await;
    read_until(&mut stream, "served").await;
    send(&mut stream, &REQUEST[..10]).await;
    assert!(!read_until_closed(&mut stream).await.contains("served"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_gracefully() {
    let limits = ConnectionLimits { idle_timeout: Duration::from_millis(100), ..ConnectionLimits::PUBLIC };
    let server = Server::start(served(), limits);
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    assert!(read_until_closed(&mut stream).await.ends_with("served"));

    let (sender, connection) = server.connect_http2(65_535).await;
    assert_eq!(get_http2(&sender, "/").await.expect("a response").0, StatusCode::OK);
    let end = tokio::time::timeout(PATIENCE, connection).await.expect("it is closed");
    assert!(end.expect("no panic").is_ok(), "GOAWAY announced an error");
}

/// Whether the client is told that its connection stays open, and for how long.
fn told(response: &str) -> (bool, Option<&str>) {
    let value = |name: &str| response.lines().find_map(|line| line.strip_prefix(name));
    (value("connection: ") == Some("keep-alive"), value("keep-alive: "))
}

#[tokio::test]
async fn http1_clients_are_told_how_long_they_may_be_idle() {
    let close = get(async || ([("connection", "close")], "served"));
    let server =
        Server::start(served().route("/close", close), ConnectionLimits::public(Duration::from_secs(9)));
    for (request, expected) in [
        (REQUEST.to_owned(), (true, Some("timeout=9"))),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(), (true, Some("timeout=9"))),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), (false, None)),
        (LAST_REQUEST.to_owned(), (false, None)),
        (REQUEST.replace("GET /", "GET /close"), (false, None)),
    ] {
        let mut stream = server.connect().await;
        send(&mut stream, &request).await;
        let response = read_until(&mut stream, "served").await;
        assert_eq!(told(&response), expected, "{request}{response}");
    }
    let (sender, _connection) = server.connect_http2(65_535).await;
    let mut ready = sender.ready().await.expect("HTTP/2");
    let request = Request::get("http://x/").body(()).expect("a request");
    let (response, _) = ready.send_request(request, true).expect("sent");
    assert!(!response.await.expect("a response").headers().contains_key("keep-alive"));
}

#[test]
fn a_connection_stays_open_a_little_longer_than_its_client_is_told() {
    let limits = ConnectionLimits::public(Duration::from_secs(75));
    assert_eq!(limits.idle_timeout, Duration::from_secs(76));
    assert_eq!(ConnectionLimits::PUBLIC.idle_timeout, limits.idle_timeout);
}

#[tokio::test]
async fn a_request_that_has_arrived_when_the_idle_timeout_passes_is_served() {
    let idle_timeout = Duration::from_millis(100);
    let server = Server::start(served(), ConnectionLimits { idle_timeout, ..ConnectionLimits::PUBLIC });
    // If a task looks at what has happened in a random order, some of these requests are lost.
    let mut rounds = 0;
    while rounds < 8 {
        let mut stream = server.connect().await;
        let begun = Instant::now();
        send(&mut stream, REQUEST).await;
        read_until(&mut stream, "served").await;
        send(&mut stream, REQUEST).await;
        if begun.elapsed() >= idle_timeout {
            // The machine is busy, and the connection was idle for too long.
            continue;
        }
        // The server runs on this thread, so it notices both the request and the timeout only afterwards.
        std::thread::sleep(idle_timeout);
        read_until(&mut stream, "served").await;
        rounds += 1;
    }
}

#[tokio::test]
async fn idle_connections_make_room_for_clients_with_requests() {
    let crowded_idle_timeout = Duration::from_millis(200);
    let server =
        Server::start(served(), ConnectionLimits { max_connections: 8, crowded_idle_timeout, ..LIMITS });
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut stream = server.connect().await;
        send(&mut stream, REQUEST).await;
        read_until(&mut stream, "served").await;
        idle.push(stream);
    }
    assert!(server.exchange(LAST_REQUEST).await.ends_with("served"));
}

#[tokio::test]
async fn idle_connections_stay_open_while_there_is_room() {
    let crowded_idle_timeout = Duration::from_millis(50);
    let server =
        Server::start(served(), ConnectionLimits { max_connections: 8, crowded_idle_timeout, ..LIMITS });
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    read_until(&mut stream, "served").await;
    // Several checks.
    tokio::time::sleep(LIMITS.head_timeout * 3).await;
    send(&mut stream, REQUEST).await;
    read_until(&mut stream, "served").await;
}

#[tokio::test]
async fn a_request_in_progress_is_not_idle() {
    let limits = ConnectionLimits { idle_timeout: Duration::from_millis(50), ..ConnectionLimits::PUBLIC };
    let slow = get(async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "finished"
    });
    let server = Server::start(Router::new().route("/", slow), limits);
    assert!(server.exchange(REQUEST).await.ends_with("finished"));
}

#[tokio::test]
async fn an_old_connection_gets_goaway_and_its_call_finishes() {
    let limits = ConnectionLimits { max_age: Some(Duration::from_millis(500)), ..ConnectionLimits::PUBLIC };
    let slow = get(async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "finished"
    });
    let server = Server::start(Router::new().route("/", slow), limits);
    let (sender, connection) = server.connect_http2(65_535).await;
    assert_eq!(get_http2(&sender, "/").await.expect("a response").0, StatusCode::OK);
    let end = tokio::time::timeout(PATIENCE, connection).await.expect("it is closed");
    assert!(end.expect("no panic").is_ok());
}

#[tokio::test]
async fn one_address_holds_a_limited_number_of_connections() {
    let server = Server::start_with(served(), ConnectionLimits::PUBLIC, AddressLimit::new(2), 1024 * 1024);
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        send(stream, REQUEST).await;
        read_until(stream, "served").await;
    }
    assert_eq!(read_until_closed(&mut server.connect().await).await, "");

    let mut other = server.connect_from(Ipv4Addr::new(127, 0, 0, 2).into()).await;
    send(&mut other, LAST_REQUEST).await;
    assert!(read_until_closed(&mut other).await.ends_with("served"));

    drop(held);
    let waiting = async {
        while !server.exchange(LAST_REQUEST).await.ends_with("served") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the address gets a connection again");
}

#[tokio::test]
async fn a_header_list_above_the_limit_is_refused_and_the_connection_goes_on() {
    let server = Server::start(served(), ConnectionLimits::PUBLIC);
    let (sender, _connection) = server.connect_http2(65_535).await;
    let mut ready = sender.clone().ready().await.expect("HTTP/2");
    let request =
        Request::get("http://x/").header("x-long", "x".repeat(17 * 1024)).body(()).expect("a request");
    let (response, _) = ready.send_request(request, true).expect("sent");
    assert_eq!(response.await.expect("a response").status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(get_http2(&sender, "/").await.expect("a response").0, StatusCode::OK);
}
