//! Compresses responses with the content coding that the client prefers (RFC 9110, section 8.4).
//!
//! A body is in memory, so it is compressed as a whole: the encoder lives only for that moment, however slowly the client
//! reads, and the response has a `Content-Length`. tower-http's layer encodes while the client reads. It also changes the
//! status of a write that has taken effect to 406, and knows nothing about entity tags.

mod coding;
mod static_content;

use std::{convert::Infallible, io, sync::Arc, thread::available_parallelism};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use eventboard_chassis::layer::{Inner, Next};
use futures::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use tokio::{sync::Semaphore, task::spawn_blocking};

use self::coding::{AcceptedCodings, ContentCoding};
pub(crate) use self::static_content::StaticContent;
use crate::entity_tag;

/// Longer bodies are compressed on a blocking thread, in bytes. A list of 100 ordinary events has some 45 KB.
const MAX_INLINE_LENGTH: usize = 64 * 1024;

/// How the paths begin whose responses are never compressed. They contain tokens next to texts that the client chose, and the length
/// of a compressed response tells how similar they are (BREACH). Other pages of the board contain no secret.
const SECRET_PATHS: [&str; 4] = ["/auth/", "/board/join", "/board/reset-password", "/board/verify-email"];

/// Limits how many long bodies are compressed at the same time.
#[derive(Clone)]
pub(crate) struct Compressor {
    threads: Arc<Semaphore>,
}

/// The layer function.
pub(crate) async fn compress(compressor: Compressor, request: Request, next: Next<impl Inner>) -> Response {
    let has_secrets = SECRET_PATHS.iter().any(|begin| request.uri().path().starts_with(begin));
    let accepted = AcceptedCodings::of(request.headers());
    let is_head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    let is_compressible = !has_secrets && is_compressible(response.headers());
    if is_compressible {
        add_vary(response.headers_mut());
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(header::CONTENT_TYPE);
        return response;
    }
    match length(&response, is_head).and_then(|length| accepted.coding_for(length)) {
        Some(coding) if is_compressible && is_head => without_body(response, coding),
        Some(coding) if is_compressible => compressor.encode_response(response, coding).await,
        _ => response,
    }
}

impl Compressor {
    /// Uses at most one thread for each core.
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { threads: Arc::new(Semaphore::new(cores)) }
    }

    async fn encode_response(&self, response: Response, coding: ContentCoding) -> Response {
        let (mut head, body) = response.into_parts();
        let bytes = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            // The connection ends with this error, as it would without the coding.
            Err(error) => return Response::from_parts(head, failed_body(error)),
        };
        let encoded = match head.extensions.get::<StaticContent>() {
            Some(content) => content.encoded(coding).await.map(Some),
            None => self.encode(coding, &bytes).await,
        };
        match encoded {
            Ok(Some(encoded)) => {
                describe_coding(&mut head.headers, coding);
                Response::from_parts(head, encoded.into())
            }
            Ok(None) => Response::from_parts(head, bytes.into()),
            Err(error) => {
                tracing::error!(%error, coding = coding.name(), "Compressing a response failed");
                Response::from_parts(head, bytes.into())
            }
        }
    }

    /// Returns `None` for a long body if all threads are busy. It is then sent as it is, which takes no core.
    async fn encode(&self, coding: ContentCoding, bytes: &Bytes) -> io::Result<Option<Bytes>> {
        if bytes.len() <= MAX_INLINE_LENGTH {
            return coding.encode(bytes).map(Some);
        }
        let Ok(permit) = Arc::clone(&self.threads).try_acquire_owned() else { return Ok(None) };
        let bytes = bytes.clone();
        let encoding = spawn_blocking(move || {
            let _permit = permit;
            coding.encode(&bytes)
        });
        encoding.await?.map(Some)
    }
}

/// A response to HEAD has the headers of the same GET, except the length, which only the encoder knows (RFC 9110, section
/// 9.3.2). The length of the body is unknown, so that axum does not declare it as 0.
fn without_body(mut response: Response, coding: ContentCoding) -> Response {
    describe_coding(response.headers_mut(), coding);
    response.map(|_| Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()))
}

/// Each coding of a representation has a strong tag of its own (RFC 9110, section 8.8.3.3).
fn describe_coding(headers: &mut HeaderMap, coding: ContentCoding) {
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    let tag = headers.get(header::ETAG).and_then(|tag| entity_tag::strong(tag.to_str().ok()?));
    let tag = tag.and_then(|tag| HeaderValue::try_from(entity_tag::with_coding(tag, coding.name())).ok());
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
}

/// The length of the representation in bytes, if it is in memory. axum has removed it from a response to HEAD.
fn length(response: &Response, is_head: bool) -> Option<u64> {
    let exact = response.body().size_hint().exact();
    if !is_head {
        return exact;
    }
    let declared = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    declared.and_then(|length| length.parse().ok()).or(exact)
}

/// Whether the media type is text of some kind, and the response may be changed on its way.
fn is_compressible(headers: &HeaderMap) -> bool {
    let is_coded =
        headers.contains_key(header::CONTENT_ENCODING) || headers.contains_key(header::CONTENT_RANGE);
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = media_type.split_once('/').unwrap_or_default();
    let is_text = match kind {
        // The events of a stream must not wait for each other.
        "text" => subtype != "event-stream",
        _ => {
            let format = subtype.rsplit('+').next().unwrap_or_default();
            ["json", "javascript", "xml", "yaml"].contains(&format)
        }
    };
    is_text && !is_coded
}

/// Adds `Accept-Encoding` to the request headers on which the response depends, in the same field as the others: some
/// clients read only one.
fn add_vary(headers: &mut HeaderMap) {
    let names = headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
    let names: Vec<_> = names.flat_map(|value| value.split(',')).map(str::trim).collect();
    let is_listed = |name: &&str| *name == "*" || name.eq_ignore_ascii_case(header::ACCEPT_ENCODING.as_str());
    if names.iter().any(is_listed) {
        return;
    }
    let names = names.into_iter().chain([header::ACCEPT_ENCODING.as_str()]).collect::<Vec<_>>().join(", ");
    if let Ok(names) = HeaderValue::try_from(names) {
        headers.insert(header::VARY, names);
    }
}

fn failed_body(error: axum::Error) -> Body {
    Body::from_stream(stream::iter([Err::<Bytes, _>(error)]))
}

#[cfg(test)]
mod tests;
