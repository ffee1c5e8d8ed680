use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::post;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// The limits of production while the server stops. Whatever waits for another limit, waits too long for the test.
const LIMITS: ConnectionLimits = ConnectionLimits {
    head_timeout: HOUR,
    idle_timeout: HOUR,
    unread_timeout: HOUR,
    stall_timeout: HOUR,
    shutdown_timeout: HOUR,
    ..ConnectionLimits::PUBLIC
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// The field block of `POST http://x/body` (RFC 7541).
const POST_BODY: &[u8] = b"\x83\x86\x44\x05/body\x41\x01x";
const END_HEADERS: u8 = 0x4;

/// A HEADERS frame of the first stream. The body does not end.
fn headers(flags: u8, block: &[u8]) -> Vec<u8> {
    let length = u8::try_from(block.len()).expect("a short block");
    [&[0, 0, length, 0x1, flags, 0, 0, 0, 1], block].concat()
}

#[tokio::test]
async fn a_draining_server_responds_and_closes_the_connection() {
    let server = Server::start(served(), ConnectionLimits::PUBLIC);
    let shutdown = server.shutdown.clone();
    let drain = tokio::spawn(async move { shutdown.begin(Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    // The request does not contain `Connection: close`.
    let response = server.exchange(REQUEST).await;
    assert!(response.contains("connection: close") && response.ends_with("served"), "{response}");
    drain.abort();
}

/// How many requests one after the other a draining server answers on an HTTP/2 connection that was open before.
async fn count_http2_responses_while_draining(limits: ConnectionLimits) -> usize {
    const REQUESTS: usize = 20;
    let server = Server::start(served(), limits);
    let (sender, connection) = server.connect_http2(65_535).await;
    let (_, body) = get_http2(&sender, "/").await.expect("a response");
    assert_eq!(read_http2(body).await, "served");
    let shutdown = server.shutdown.clone();
    let drain = tokio::spawn(async move { shutdown.begin(Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    let mut responses = 0;
    while responses < REQUESTS {
        match get_http2(&sender, "/").await {
            Ok((status, body)) => {
                assert_eq!(status, StatusCode::OK);
                assert_eq!(read_http2(body).await, "served");
                responses += 1;
            }
            // No request is lost: the client knows that the server did not perform it.
            Err(error) => {
                assert!(error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR), "{error}");
                drop(sender);
                connection.await.expect("no panic").expect("the connection ends without an error");
                break;
            }
        }
    }
    drain.abort();
    responses
}

async fn read_http2(mut body: h2::RecvStream) -> String {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        bytes.extend_from_slice(&data.expect("data"));
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn a_draining_server_closes_the_http2_connections_of_its_clients_but_not_those_of_gateways() {
    let served = count_http2_responses_while_draining(ConnectionLimits::PUBLIC).await;
    assert!((1..20).contains(&served), "{served}");
    assert_eq!(count_http2_responses_while_draining(ConnectionLimits::INTERNAL).await, 20);
}

#[tokio::test]
async fn a_call_that_arrives_while_the_server_stops_is_answered_or_certainly_not_performed() {
    let performed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&performed);
    let count = get(async move || {
        counter.fetch_add(1, Ordering::Relaxed);
        "performed"
    });
    let server = Server::start(Router::new().route("/", count), ConnectionLimits::INTERNAL);
    let (sender, connection) = server.connect_http2(65_535).await;
    let call_until_refused = || {
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            loop {
                match get_http2(&sender, "/").await {
                    Ok((_, body)) => assert_eq!(read_http2(body).await, "performed"),
                    Err(error) => {
                        assert!(
                            error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR),
                            "{error}"
                        );
                        return answered;
                    }
                }
                answered += 1;
            }
        })
    };
    let callers: Vec<_> = (0..8).map(|_| call_until_refused()).collect();
    wait_until("calls are answered", || performed.load(Ordering::Relaxed) > 100).await;
    server.shutdown.begin(Duration::ZERO).await;
    let answered = futures::future::join_all(callers).await.into_iter().map(|count| count.expect("no panic"));
    assert_eq!(answered.sum::<usize>(), performed.load(Ordering::Relaxed));
    drop(sender);
    connection.await.expect("no panic").expect("the connection ends without an error");
}

#[tokio::test]
async fn a_client_that_connects_just_before_the_shutdown_is_still_served() {
    let server = Server::start(served(), ConnectionLimits::PUBLIC);
    // The operating system accepts the connection. The server runs on this thread and has not noticed it yet.
    let late = std::net::TcpStream::connect(server.address).expect("the server listens");
    server.shutdown.begin(Duration::ZERO).await;
    late.set_nonblocking(true).expect("a socket");
    let mut late = TcpStream::from_std(late).expect("a runtime");
    send(&mut late, REQUEST).await;
    let response = read_until_closed(&mut late).await;
    assert!(response.contains("connection: close") && response.ends_with("served"), "{response}");
}

#[tokio::test]
async fn requests_in_flight_finish_and_new_connections_are_refused() {
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(2);
    let slow = get(async move || {
        arrived.send(()).await.expect("the test waits");
        tokio::time::sleep(Duration::from_millis(300)).await;
        "finished"
    });
    let server = Arc::new(Server::start(Router::new().route("/", slow), ConnectionLimits::PUBLIC));
    let http1 = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.exchange(REQUEST).await }
    });
    let (sender, connection) = server.connect_http2(65_535).await;
    let http2 = tokio::spawn(async move { get_http2(&sender, "/").await.map(|(status, _)| status) });
    for _ in 0..2 {
        arrival.recv().await.expect("the request arrives");
    }
    // Silent and idle connections do not delay the shutdown.
    let _silent = server.connect().await;
    server.shutdown.begin(Duration::ZERO).await;
    assert!(http1.await.expect("no panic").ends_with("finished"));
    assert_eq!(http2.await.expect("no panic").expect("a response"), StatusCode::OK);
    assert!(connection.await.expect("no panic").is_ok(), "GOAWAY announced an error");
    wait_until("the server ends", || server.task.is_finished()).await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// What a client sends of a connection or of a request before it stops.
fn half_requests() -> Vec<(&'static str, Vec<u8>)> {
    let http2 = |frames: &[u8]| [PREFACE, SETTINGS, frames].concat();
    let http1 = |text: &str| text.as_bytes().to_vec();
    let data = b"\0\0\x0a\0\0\0\0\0\x01half";
    vec![
        ("nothing", Vec::new()),
        ("a letter", http1("G")),
        ("half a head", http1("POST /body HTTP/1.1\r\nHost: x\r\n")),
        ("a second half head", http1("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /")),
        ("no body", http1("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")),
        ("half a body", http1("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")),
        (
            "half a chunk",
            http1("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nha"),
        ),
        (
            "no last chunk",
            http1("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        ),
        (
            "a body that must be asked for",
            http1("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"),
        ),
        (
            "half a body that nobody reads",
            http1("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"),
        ),
        ("half a preface", PREFACE[..10].to_vec()),
        ("a preface", PREFACE.to_vec()),
        ("half SETTINGS", [PREFACE, &SETTINGS[..5]].concat()),
        ("SETTINGS", http2(b"")),
        ("half HEADERS", http2(&headers(END_HEADERS, POST_BODY)[..12])),
        ("HEADERS without CONTINUATION", http2(&headers(0, &POST_BODY[..4]))),
        ("HEADERS", http2(&headers(END_HEADERS, POST_BODY))),
        ("half DATA", http2(&[headers(END_HEADERS, POST_BODY), data.to_vec()].concat())),
    ]
}

#[tokio::test]
async fn half_requests_do_not_delay_a_shutdown_and_requests_in_flight_finish() {
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let (release, released) = tokio::sync::watch::channel(false);
    let slow = get(async move || {
        arrived.send(()).await.expect("the test waits");
        released.clone().wait_for(|released| *released).await.expect("released");
        "finished"
    });
    let router = served()
        .route("/slow", slow)
        .route("/body", post(async |body: Bytes| body))
        .route("/huge", get(async || vec![b'x'; 8 * 1024 * 1024]));
    let server = Arc::new(Server::start(router, LIMITS));

    let mut halves = Vec::new();
    for (name, bytes) in half_requests() {
        let mut stream = server.connect().await;
        send(&mut stream, bytes).await;
        halves.push((name, stream));
    }
    let mut unread = server.connect().await;
    send(&mut unread, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (no_window, _connection) = server.connect_http2(0).await;
    let _unread_stream = get_http2(&no_window, "/huge").await.expect("a head");
    let in_flight = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.exchange("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await }
    });
    arrival.recv().await.expect("the request arrives");

    server.shutdown.begin(Duration::ZERO).await;
    for (name, mut stream) in halves {
        let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert!(reading.is_ok(), "{name}: the connection stays open");
    }
    assert!(!server.task.is_finished(), "a request is in flight");
    release.send_replace(true);
    assert!(in_flight.await.expect("no panic").ends_with("finished"));
    wait_until("the server ends, although two responses are not read", || server.task.is_finished()).await;
}
