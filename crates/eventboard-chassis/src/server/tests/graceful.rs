use super::*;

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
