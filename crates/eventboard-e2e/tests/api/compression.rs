//! Compressed responses, and their entity tags.

use std::io::Read;

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::support::{Actor, Stack, event_body, send};

/// A response whose body may be compressed.
struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body without its coding, which must be gzip.
    fn unzipped(&self) -> String {
        assert_eq!(self.header("content-encoding"), Some("gzip"));
        assert_eq!(self.header("content-length"), Some(self.body.len().to_string().as_str()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&self.body[..]).read_to_string(&mut text).unwrap();
        text
    }
}

async fn fetch(request: RequestBuilder, accept: &str) -> Received {
    let response = request.header("accept-encoding", accept).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Received { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

/// An event whose JSON is so long that it is compressed.
fn long_event() -> Value {
    let mut body = event_body("Long");
    body["description"] = "A text that repeats itself. ".repeat(100).into();
    body
}

async fn create_long_event(actor: &Actor) -> String {
    actor.post("/events", &long_event()).await.expect(201).id()
}

#[tokio::test]
async fn a_list_is_a_fraction_of_its_size_in_every_coding() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for number in 0..20 {
        admin.create_event(&format!("Event {number}")).await;
    }
    let list = || admin.request(Method::GET, "/events?limit=20");
    let plain = fetch(list(), "identity").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("origin, accept-encoding"));
    for coding in ["gzip", "br", "zstd"] {
        let compressed = fetch(list(), coding).await;
        assert_eq!(compressed.header("content-encoding"), Some(coding));
        assert_eq!(compressed.header("vary"), plain.header("vary"));
        assert!(compressed.body.len() * 4 < plain.body.len(), "{coding}: {} bytes", compressed.body.len());
    }
    assert_eq!(fetch(list(), "gzip").await.unzipped().as_bytes(), plain.body);
}

/// Some hundred KB, which are compressed on another thread.
#[tokio::test]
async fn a_long_list_is_compressed() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    for _ in 0..50 {
        create_long_event(&admin).await;
    }
    let list = fetch(admin.request(Method::GET, "/events?limit=50"), "gzip").await.unzipped();
    assert!(list.len() > 100_000, "{} bytes", list.len());
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn an_event_keeps_a_strong_tag_in_every_coding_which_conditions_understand() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let path = format!("/events/{}", create_long_event(&admin).await);
    let get = || admin.request(Method::GET, &path);
    let mut tags = vec![fetch(get(), "identity").await.header("etag").unwrap().to_owned()];
    for coding in ["gzip", "br", "zstd"] {
        let tag = fetch(get(), coding).await.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && !tags.contains(&tag), "{tag}");
        let head = fetch(admin.request(Method::HEAD, &path), coding).await;
        assert_eq!(
            (head.header("etag"), head.header("content-encoding")),
            (Some(tag.as_str()), Some(coding))
        );
        assert!(head.header("content-length").is_none_or(|length| length != "0"), "{:?}", head.headers);
        tags.push(tag);
    }
    for tag in &tags {
        let unchanged = fetch(get().header("if-none-match", tag), "gzip").await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tag}");
        assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
        assert_eq!(unchanged.header("vary"), Some("origin, accept-encoding"));
        assert_eq!((unchanged.header("content-type"), unchanged.header("content-encoding")), (None, None));
        let same = json!({});
        admin.with_header(Method::PATCH, &path, ("if-match", tag), &same).await.expect(200);
        admin.with_header(Method::PATCH, &path, ("if-none-match", tag), &same).await.expect_problem(412);
    }
    let changed = json!({ "title": "Changed" });
    admin.with_header(Method::PATCH, &path, ("if-match", &tags[3]), &changed).await.expect(200);
    admin.with_header(Method::PATCH, &path, ("if-match", &tags[3]), &changed).await.expect_problem(412);
}

#[tokio::test]
async fn a_replay_is_the_same_in_every_coding() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let create = || admin.request(Method::POST, "/events").header("idempotency-key", "k").json(&long_event());
    let first = fetch(create(), "gzip").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    let again = fetch(create(), "gzip").await;
    assert_eq!(
        (again.header("idempotency-replayed"), again.header("etag")),
        (Some("true"), first.header("etag"))
    );
    assert_eq!(again.body, first.body);
    let plain = fetch(create(), "identity").await;
    assert_eq!(String::from_utf8(plain.body).unwrap(), first.unzipped());
}

#[tokio::test]
async fn a_problem_is_compressed_and_a_response_with_a_token_is_not() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let members: Vec<_> = (0..100).map(|number| format!("\"{number}\":0")).collect();
    let invalid = |path: &str| {
        let request = admin.request(Method::POST, path).header("content-type", "application/json");
        request.body(format!("{{{}}}", members.join(",")))
    };
    let problem = fetch(invalid("/events"), "gzip").await;
    assert_eq!(problem.status, 400);
    let problem: Value = serde_json::from_str(&problem.unzipped()).unwrap();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 50);
    let secret = fetch(invalid("/auth/login"), "gzip").await;
    assert_eq!((secret.status, secret.header("content-encoding")), (400, None));
    assert_eq!(secret.header("vary"), Some("origin"));
}

#[tokio::test]
async fn an_accept_encoding_that_cannot_be_met_never_fails_a_write() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let create = admin.request(Method::POST, "/events").json(&long_event());
    let created = send(create.header("accept-encoding", "identity;q=0, *;q=0")).await.expect(201);
    assert_eq!(created.header("content-encoding"), None);
}
