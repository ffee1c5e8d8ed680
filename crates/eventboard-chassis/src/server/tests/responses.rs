//! Tests of the heads of responses.

use super::*;

#[tokio::test]
async fn a_304_declares_no_length() {
    let router = Router::new().route("/", get(async || StatusCode::NOT_MODIFIED));
    let server = Server::start(router, ConnectionLimits::PUBLIC);
    let response = server.exchange(LAST_REQUEST).await;
    assert!(response.starts_with("HTTP/1.1 304 ") && !response.contains("content-length"), "{response}");

    let (sender, _connection) = server.connect_http2(65_535).await;
    let mut sender = sender.ready().await.expect("a connection");
    let request = Request::get("http://x/").body(()).expect("a request");
    let (response, _) = sender.send_request(request, true).expect("sent");
    let response = response.await.expect("a response");
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert!(!response.headers().contains_key("content-length"), "{response:?}");
}
