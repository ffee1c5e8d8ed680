//! A minimal HTTP client for health checks: one GET over plain HTTP.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Uri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The time limit for the connection, the request and the response together.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of a response. Health documents are far smaller.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub status: u16,
    pub body: String,
}

/// Requests an `http://` URL.
///
/// # Errors
/// When the URL is invalid, the server does not respond in time, or the response is not HTTP.
pub(crate) async fn get(url: &str) -> anyhow::Result<Response> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is not a valid URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "{url} does not begin with http://");
    let response = timeout(TIMEOUT, exchange(&uri)).await;
    response.with_context(|| format!("{url} timed out"))?.with_context(|| format!("{url} failed"))
}

async fn exchange(uri: &Uri) -> anyhow::Result<Response> {
    let authority = uri.authority().context("the URL has no host")?;
    let host = authority.host().trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut response).await?;
    parse(&String::from_utf8_lossy(&response)).context("the response is not HTTP")
}

fn parse(response: &str) -> Option<Response> {
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, body: body.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_and_body_are_parsed() {
        let response = parse("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\r\n{}\n").expect("HTTP");
        assert_eq!((response.status, response.body.as_str()), (503, "{}"));
    }

    #[test]
    fn a_response_that_is_not_http_is_rejected() {
        for other in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(parse(other).is_none(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn only_plain_http_urls_are_accepted() {
        for url in ["https://localhost/", "localhost:3000", "/health", "http://"] {
            assert!(get(url).await.is_err(), "{url}");
        }
    }
}
