use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::{BodyExt, Full};

use super::*;
use crate::{
    layer::{Inner, Next, layer_fn},
    server::{Requester, exchange::bound_response},
};

/// The size of `/large`.
const LARGE: usize = 200_000;

/// The limits of production, except that no test waits long for a client that reads nothing.
const LIMITS: ConnectionLimits =
    ConnectionLimits { unread_timeout: Duration::from_millis(300), ..ConnectionLimits::PUBLIC };

async fn bound((): (), request: Request, next: Next<impl Inner>) -> Response {
    let client = Requester::of_call(&request).sender();
    let response = bound_response(client, request, next).await;
    response.unwrap_or_else(|error| error.code().http().into_response())
}

/// `/large` counts its requests. `/huge` does not fit into the buffers of the operating systems.
fn router(started: &Arc<AtomicUsize>) -> Router {
    let started = Arc::clone(started);
    let large = get(async move || {
        started.fetch_add(1, Ordering::Relaxed);
        vec![b'x'; LARGE]
    });
    served()
        .route("/large", large)
        .route("/huge", get(async || vec![b'x'; 40 * LARGE]))
        .layer(layer_fn((), bound))
}

async fn is_all_released(server: &Server) {
    wait_until("all bytes are released", || server.unread.held() == 0).await;
}

/// Reads a body without making room for more, until the server resets the stream.
async fn read_until_reset(mut body: h2::RecvStream) -> h2::Error {
    let reading = async {
        loop {
            if let Err(error) = body.data().await.expect("the body does not end") {
                return error;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the stream is reset")
}

#[tokio::test]
async fn a_response_of_which_the_client_takes_nothing_is_reset_alone() {
    let server = Server::start(router(&Arc::default()), LIMITS);
    for window in [0, 1, 65_535] {
        let (sender, connection) = server.connect_http2(window).await;
        let (_, unread) = get_http2(&sender, "/large").await.expect("a head");
        let error = read_until_reset(unread).await;
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "window {window}: {error}");
        is_all_released(&server).await;
        assert!(get_http2(&sender, "/").await.is_ok() && !connection.is_finished());
        connection.abort();
    }
}

#[tokio::test]
async fn a_small_unread_response_ends_its_connection() {
    let server = Server::start(router(&Arc::default()), LIMITS);
    // h2 buffers the whole response, because the window is not empty, and cannot take it back.
    let (sender, connection) = server.connect_http2(1).await;
    let (_, _unread) = get_http2(&sender, "/").await.expect("a head");
    tokio::time::timeout(PATIENCE, connection).await.expect("the connection ends").expect("no panic").ok();
    is_all_released(&server).await;
}

#[tokio::test]
async fn an_unread_http1_response_ends_its_connection() {
    let server = Server::start(router(&Arc::default()), LIMITS);
    let mut stream = server.connect().await;
    send(&mut stream, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n").await;
    wait_until("the response is held", || server.unread.held() > 0).await;
    is_all_released(&server).await;
    let received = read_until_closed(&mut stream).await;
    assert!(received.len() < 40 * LARGE, "{} bytes", received.len());
}

/// As a layer that compresses.
async fn shorten((): (), request: Request, next: Next<impl Inner>) -> Response {
    next.run(request).await.map(|_| vec![b'x'; LARGE / 10].into())
}

#[tokio::test]
async fn a_response_that_becomes_shorter_after_it_was_bounded_holds_only_what_is_sent() {
    let router = router(&Arc::default()).layer(layer_fn((), shorten));
    let server = Server::start(router, ConnectionLimits::PUBLIC);
    let (sender, connection) = server.connect_http2(0).await;
    let _unread = get_http2(&sender, "/large").await.expect("a head");
    assert_eq!(server.unread.held(), LARGE / 10);
    connection.abort();
    is_all_released(&server).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_its_response() {
    let limits = ConnectionLimits { unread_timeout: Duration::from_secs(1), ..LIMITS };
    let server = Server::start(router(&Arc::default()), limits);
    let (sender, _connection) = server.connect_http2(65_535).await;
    let (_, mut body) = get_http2(&sender, "/large").await.expect("a head");
    let mut length = 0;
    while let Some(data) = body.data().await {
        let data = data.expect("the response goes on");
        length += data.len();
        tokio::time::sleep(limits.unread_timeout / 10).await;
        body.flow_control().release_capacity(data.len()).expect("a window");
    }
    assert_eq!(length, LARGE);
}

#[tokio::test]
async fn requests_wait_while_their_connection_holds_unread_bytes_and_others_are_served() {
    let started = Arc::new(AtomicUsize::new(0));
    let limits = ConnectionLimits { unread_bytes: Some(64 * 1024), ..ConnectionLimits::PUBLIC };
    let server = Server::start(router(&started), limits);
    let (sender, connection) = server.connect_http2(0).await;
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move { get_http2(&sender, "/large").await.map(|(_, body)| body) })
        })
        .collect();
    wait_until("a response is held", || server.unread.held() == LARGE).await;
    for _ in 0..10 {
        assert!(server.exchange(LAST_REQUEST).await.ends_with("served"));
    }
    assert_eq!(started.load(Ordering::Relaxed), 1, "a second response might not fit");
    assert_eq!(server.unread.held(), LARGE);

    connection.abort();
    is_all_released(&server).await;
    requests.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn all_responses_of_a_client_that_reads_arrive() {
    let limits = ConnectionLimits { unread_bytes: Some(512 * 1024), ..ConnectionLimits::PUBLIC };
    let server = Server::start(router(&Arc::default()), limits);
    let (sender, _connection) = server.connect_http2(1024 * 1024).await;
    let responses = (0..100).map(|_| async {
        let (status, mut body) = get_http2(&sender, "/large").await.expect("a head");
        let mut length = 0;
        while let Some(data) = body.data().await {
            let data = data.expect("a body");
            body.flow_control().release_capacity(data.len()).expect("a window");
            length += data.len();
        }
        (status, length)
    });
    for response in futures::future::join_all(responses).await {
        assert_eq!(response, (StatusCode::OK, LARGE));
    }
    is_all_released(&server).await;
}

#[tokio::test]
async fn unread_bytes_of_an_address_do_not_reject_the_requests_of_another() {
    // The first address gets an eighth.
    let server = Server::start_with(router(&Arc::default()), LIMITS, AddressLimit::new(256), 16 * LARGE);
    let (sender, connection) = server.connect_http2(0).await;
    let mut unread = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let (status, body) = get_http2(&sender, "/large").await.expect("a head");
        statuses.push(status);
        unread.push(body);
    }
    assert_eq!(statuses, [StatusCode::OK, StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE]);
    let mut other = server.connect_from(Ipv4Addr::new(127, 0, 0, 2).into()).await;
    send(&mut other, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(read_until_closed(&mut other).await.len() > LARGE);
    connection.abort();
    is_all_released(&server).await;
}

#[tokio::test]
async fn a_write_is_refused_before_it_takes_effect_and_not_after() {
    let performed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&performed);
    let write = post(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        vec![b'x'; 25_000]
    });
    let router = Router::new().route("/", write).layer(layer_fn((), bound));
    let server = Server::start_with(router, LIMITS, AddressLimit::new(256), 1024 * 1024);
    let (sender, connection) = server.connect_http2(0).await;
    let (mut unread, mut written) = (Vec::new(), 0);
    loop {
        let mut ready = sender.clone().ready().await.expect("HTTP/2");
        let request = Request::post("http://x/").body(()).expect("a request");
        let response = ready.send_request(request, true).expect("sent").0.await.expect("a head");
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            break;
        }
        written += 1;
        unread.push(response);
    }
    assert!(written > 1 && performed.load(Ordering::Relaxed) == written, "{written}");
    connection.abort();
    is_all_released(&server).await;
}

#[tokio::test]
async fn bodies_arrive_while_reads_of_their_connection_wait_for_room() {
    let body = post(async |body: Bytes| body.len().to_string());
    let router = router(&Arc::default()).route("/body", body);
    let limits = ConnectionLimits { unread_bytes: Some(64 * 1024), ..ConnectionLimits::PUBLIC };
    let server = Server::start(router, limits);
    let (sender, _connection) = server.connect_http2(0).await;
    let (_, _unread) = get_http2(&sender, "/large").await.expect("a head");
    let mut ready = sender.clone().ready().await.expect("HTTP/2");
    let request = Request::post("http://x/body").body(()).expect("a request");
    let (response, mut body) = ready.send_request(request, false).expect("sent");
    body.send_data("x".into(), true).expect("sent");
    assert_eq!(response.await.expect("a head").status(), StatusCode::OK);
}

#[tokio::test]
async fn responses_that_are_made_outside_of_the_limit_count_too() {
    let router = Router::new().route("/", get(async || vec![b'x'; LARGE]));
    let server = Server::start(router, LIMITS);
    let (sender, connection) = server.connect_http2(0).await;
    let (_, _unread) = get_http2(&sender, "/").await.expect("a head");
    assert_eq!(server.unread.held(), LARGE);
    connection.abort();
    is_all_released(&server).await;
}

#[tokio::test]
async fn pipelined_requests_of_a_client_that_reads_nothing_wait() {
    let started = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&started);
    let head = get(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        [("x-long", "x".repeat(4000))]
    });
    let limits = ConnectionLimits { unread_timeout: Duration::from_secs(2), ..LIMITS };
    let server = Server::start(Router::new().route("/", head), limits);
    let mut stream = server.connect().await;
    let request = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    // The server stops to read, so the buffers of the operating systems fill up until it resets the connection.
    let error = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Err(error) = stream.write_all(request.as_bytes()).await {
                break error;
            }
        }
    });
    error.await.expect("the connection is reset");
    // The heads of 40,000 responses have 160 MB. The operating systems buffer some MB of them.
    assert!(started.load(Ordering::Relaxed) < 40_000, "{started:?}");
}

#[tokio::test]
async fn trailers_follow_the_last_piece() {
    let trailers = || http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let body = move || {
        let body = Full::new(Bytes::from(vec![b'x'; LARGE]));
        Response::new(axum::body::Body::new(body.with_trailers(async move { Some(Ok(trailers())) })))
    };
    let router = Router::new().route("/", get(async move || body())).layer(layer_fn((), bound));
    let server = Server::start(router, LIMITS);
    let (sender, _connection) = server.connect_http2(1024 * 1024).await;
    let (_, mut body) = get_http2(&sender, "/").await.expect("a head");
    while let Some(data) = body.data().await {
        data.expect("a body");
    }
    let received = body.trailers().await.expect("a body").expect("trailers");
    assert_eq!(received["grpc-status"], "0");
}
