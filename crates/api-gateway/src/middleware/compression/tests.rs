use axum::{
    Router,
    response::IntoResponse,
    routing::{any, get},
};
use eventboard_chassis::layer::layer_fn;
use http::Request;
use serde_json::Value;

use super::*;
use crate::testing::{gateway, send};

const ALL_CODINGS: &str = "gzip, deflate, br, zstd";

/// Texts of different lengths and media types.
fn router() -> Router {
    let text = |length: usize| "a text that is compressed well, ".repeat(length / 32);
    let typed = move |media_type: &'static str| {
        any(
            move || async move { ([(header::CONTENT_TYPE, media_type), (header::ETAG, "\"7\"")], text(2048)) },
        )
    };
    Router::new()
        .route("/json", typed("application/json"))
        .route("/problem", typed("application/problem+json"))
        .route("/html", typed("text/html; charset=utf-8"))
        .route("/script", typed("text/javascript"))
        .route("/svg", typed("image/svg+xml"))
        .route("/yaml", typed("application/yaml"))
        .route("/png", typed("image/png"))
        .route("/stream", typed("text/event-stream"))
        .route("/binary", typed("application/octet-stream"))
        .route("/auth/login", typed("application/json"))
        .route("/short", get(move || async move { text(1000) }))
        .route("/long", get(move || async move { text(MAX_INLINE_LENGTH * 3) }))
        .route("/weak", get(move || async move { ([(header::ETAG, "W/\"7\"")], text(2048)) }))
        .route("/gzipped", get(move || async move { ([(header::CONTENT_ENCODING, "gzip")], text(2048)) }))
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
        .route("/error", get(move || async move { (StatusCode::BAD_REQUEST, text(2048)) }))
        .route("/varying", get(move || async move { ([(header::VARY, "origin, x-other")], text(2048)) }))
        .route("/broken", get(|| async { failed_body(axum::Error::new("broken")).into_response() }))
        .layer(layer_fn(Compressor::new(), compress))
}

async fn fetch(method: Method, path: &str, accept: &str) -> (StatusCode, HeaderMap, Bytes) {
    let request = Request::builder().method(method).uri(path).header(header::ACCEPT_ENCODING, accept);
    let (head, body) = send(&router(), request, "").await.into_parts();
    (head.status, head.headers, body.collect().await.expect("a body").to_bytes())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().expect("text").to_owned())
}

#[tokio::test]
async fn texts_are_compressed_with_the_coding_that_the_client_prefers() {
    for path in ["/json", "/problem", "/html", "/script", "/svg", "/yaml", "/error"] {
        for (accept, coding) in [(ALL_CODINGS, "zstd"), ("gzip, br", "br"), ("gzip", "gzip")] {
            let (_, headers, body) = fetch(Method::GET, path, accept).await;
            assert_eq!(text(&headers, "content-encoding").as_deref(), Some(coding), "{path}");
            assert_eq!(text(&headers, "vary").as_deref(), Some("accept-encoding"));
            assert!(body.len() < 200, "{path}: {} bytes", body.len());
        }
        let (_, headers, body) = fetch(Method::GET, path, "").await;
        assert_eq!((text(&headers, "content-encoding"), body.len()), (None, 2048));
        assert_eq!(text(&headers, "vary").as_deref(), Some("accept-encoding"), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_text_secret_or_already_compressed_is_not_compressed_and_does_not_vary() {
    for path in ["/png", "/stream", "/binary", "/auth/login", "/gzipped", "/empty"] {
        for method in [Method::GET, Method::HEAD] {
            let (_, headers, _) = fetch(method, path, ALL_CODINGS).await;
            let coding = text(&headers, "content-encoding").filter(|_| path != "/gzipped");
            assert_eq!((coding, text(&headers, "vary")), (None, None), "{path}");
        }
    }
}

#[tokio::test]
async fn a_short_body_is_compressed_only_if_the_client_accepts_nothing_else() {
    let (_, headers, body) = fetch(Method::GET, "/short", ALL_CODINGS).await;
    assert_eq!((text(&headers, "content-encoding"), body.len()), (None, 992));
    assert_eq!(text(&headers, "vary").as_deref(), Some("accept-encoding"));
    let (_, headers, _) = fetch(Method::GET, "/short", "gzip, identity;q=0").await;
    assert_eq!(text(&headers, "content-encoding").as_deref(), Some("gzip"));
}

#[tokio::test]
async fn a_client_that_accepts_nothing_gets_the_body_as_it_is() {
    for accept in ["identity;q=0", "*;q=0", "compress, identity;q=0"] {
        let (status, headers, body) = fetch(Method::POST, "/json", accept).await;
        assert_eq!((status, text(&headers, "content-encoding"), body.len()), (StatusCode::OK, None, 2048));
    }
}

#[tokio::test]
async fn each_coding_has_a_strong_tag_of_its_own() {
    for (path, accept, tag) in [
        ("/json", "", "\"7\""),
        ("/json", "gzip", "\"7-gzip\""),
        ("/json", "br", "\"7-br\""),
        ("/json", "zstd", "\"7-zstd\""),
        ("/weak", "zstd", "W/\"7\""),
    ] {
        let (_, headers, _) = fetch(Method::GET, path, accept).await;
        assert_eq!(text(&headers, "etag").as_deref(), Some(tag), "{path}");
    }
}

#[tokio::test]
async fn a_response_to_head_has_the_headers_of_get_except_the_length() {
    for path in ["/json", "/short", "/long", "/png", "/error", "/varying"] {
        let (status, mut headers, _) = fetch(Method::GET, path, ALL_CODINGS).await;
        let (head_status, head_headers, body) = fetch(Method::HEAD, path, ALL_CODINGS).await;
        if headers.contains_key("content-encoding") {
            headers.remove("content-length");
        }
        assert_eq!((head_status, head_headers, body.len()), (status, headers, 0), "{path}");
    }
}

#[tokio::test]
async fn a_long_body_is_compressed_unless_all_threads_are_busy() {
    let (_, headers, body) = fetch(Method::GET, "/long", "br").await;
    assert_eq!(text(&headers, "content-encoding").as_deref(), Some("br"));
    assert!(body.len() < 1000, "{} bytes", body.len());
    let busy = Compressor { threads: Arc::new(Semaphore::new(0)) };
    for (length, is_compressed) in [(MAX_INLINE_LENGTH, true), (MAX_INLINE_LENGTH + 1, false)] {
        let encoded = busy.encode(ContentCoding::Gzip, &vec![b'x'; length].into()).await.expect("encoded");
        assert_eq!(encoded.is_some(), is_compressed, "{length}");
    }
}

#[tokio::test]
async fn vary_keeps_the_other_headers() {
    let (_, headers, _) = fetch(Method::GET, "/varying", "gzip").await;
    assert_eq!(text(&headers, "vary").as_deref(), Some("origin, x-other, accept-encoding"));
    for (values, expected) in [
        (&["*"][..], "*"),
        (&["Accept-Encoding"], "Accept-Encoding"),
        (&["origin", "x-other"], "origin, x-other, accept-encoding"),
    ] {
        let values = values.iter().map(|value| (header::VARY, HeaderValue::from_static(value)));
        let mut headers: HeaderMap = values.collect();
        add_vary(&mut headers);
        assert_eq!(headers.get_all(header::VARY).iter().collect::<Vec<_>>(), [expected]);
    }
}

#[tokio::test]
async fn a_broken_body_stays_broken() {
    let request = Request::get("/broken").header(header::ACCEPT_ENCODING, "gzip");
    assert!(send(&router(), request, "").await.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_problem_depends_on_the_origin_and_on_the_coding() {
    for origin in ["http://localhost:5173", "https://evil.example"] {
        let request = Request::get("/nowhere").header(header::ORIGIN, origin);
        let response = send(&gateway([]), request, "").await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers().get_all("vary").iter().count(), 1);
        let vary = response.headers()["vary"].to_str().expect("text");
        assert!(vary.starts_with("origin") && vary.ends_with("accept-encoding"), "{vary}");
    }
}

#[tokio::test]
async fn the_documentation_is_compressed_once_and_keeps_a_strong_tag() {
    let gateway = gateway([]);
    let fetch = async |path: &str, accept: &str, tag: &str| {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, accept).header("if-none-match", tag);
        let (head, body) = send(&gateway, request, "").await.into_parts();
        (head.status, head.headers, body.collect().await.expect("a body").to_bytes())
    };
    let path = "/api/swagger-ui-bundle.js";
    let (_, plain, bytes) = fetch(path, "", "").await;
    for coding in ["gzip", "br", "zstd"] {
        let (_, headers, encoded) = fetch(path, coding, "").await;
        assert_eq!(headers["content-encoding"], coding);
        assert!(encoded.len() * 3 < bytes.len(), "{coding}: {} of {} bytes", encoded.len(), bytes.len());
        let tag = text(&headers, "etag").expect("a tag");
        assert_eq!(tag.replace(&format!("-{coding}"), ""), plain["etag"]);
        let again = fetch(path, coding, "").await;
        assert_eq!(again.2.as_ptr(), encoded.as_ptr(), "the same memory");
        for tag in [tag.clone(), format!("W/{tag}"), text(&plain, "etag").expect("a tag")] {
            let (status, headers, body) = fetch(path, coding, &tag).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{tag}");
            assert_eq!(headers["etag"], tag.trim_start_matches("W/"));
            assert!(headers["vary"].to_str().expect("text").contains("accept-encoding"));
            assert!(!headers.contains_key("content-encoding"));
        }
    }
    let (_, _, document) = fetch("/api/openapi.json", "", "").await;
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
}
