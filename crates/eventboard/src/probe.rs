//! One GET over plain HTTP, which is all that asking for health takes.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Uri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A health document is far smaller.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks for an `http://` URL.
///
/// # Errors
/// When the URL is none, nobody answers in time, or the answer is not HTTP.
pub(crate) async fn get(url: &str) -> anyhow::Result<Answer> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "{url} does not begin with http://");
    let answer = timeout(TIMEOUT, exchange(&uri)).await;
    answer.with_context(|| format!("{url} does not answer"))?.with_context(|| format!("{url} failed"))
}

async fn exchange(uri: &Uri) -> anyhow::Result<Answer> {
    let authority = uri.authority().context("there is no host")?;
    let host = authority.host().trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    parse(&String::from_utf8_lossy(&answer)).context("the answer is not HTTP")
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_found() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\r\n{}\n").expect("HTTP");
        assert_eq!((answer.status, answer.body.as_str()), (503, "{}"));
    }

    #[test]
    fn what_is_not_http_is_told_apart() {
        for other in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert!(parse(other).is_none(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn only_plain_http_is_spoken() {
        for url in ["https://localhost/", "localhost:3000", "/health", "http://"] {
            assert!(get(url).await.is_err(), "{url}");
        }
    }
}
