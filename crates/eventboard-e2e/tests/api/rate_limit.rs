//! Limits of requests.

use reqwest::Method;

use crate::support::{Anonymous, Answer, Stack, send, token};

async fn limited(extra: &[(&'static str, &str)]) -> Stack {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP_MAX", "3"), ("RATE_LIMIT_USER_MAX", "2")];
    Stack::start_with(&[&limits[..], extra].concat()).await
}

async fn forwarded_for(anonymous: &Anonymous, addresses: &str) -> Answer {
    send(anonymous.request(Method::GET, "/events").header("x-forwarded-for", addresses)).await
}

#[tokio::test]
async fn requests_of_an_address_count_down_to_429_before_anything_else_is_looked_at() {
    let stack = limited(&[]).await;
    for remaining in ["2", "1", "0"] {
        let answer = stack.anonymous().get("/events").await;
        answer.problem(401);
        assert_eq!(answer.header("ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(remaining));
        assert!((1..=900).contains(&answer.header("ratelimit-reset").unwrap().parse::<u32>().unwrap()));
    }
    let refused = stack.anonymous().get("/events").await;
    refused.problem(429);
    assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
    assert!((1..=900).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    stack.anonymous().get("/nowhere").await.problem(429);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(stack.anonymous().get(path).await.expect(200).header("ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn a_user_has_a_bucket_of_their_own_which_only_a_verified_token_selects() {
    let stack = limited(&[]).await;
    let admin = stack.anonymous().found_organization().await;
    for bad in token::bad_tokens(&admin).into_iter().take(2) {
        admin.with_token(bad.1).get("/events").await.problem(401);
    }
    stack.anonymous().get("/events").await.problem(429);
    for remaining in ["1", "0"] {
        let answer = admin.get("/events").await.expect(200);
        assert_eq!(
            (answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")),
            (Some("2"), Some(remaining))
        );
    }
    admin.get("/events").await.problem(429);
}

#[tokio::test]
async fn a_stranger_does_not_choose_the_address_that_is_counted() {
    let stack = limited(&[]).await;
    for client in 1..=3 {
        forwarded_for(&stack.anonymous(), &format!("203.0.113.{client}")).await.problem(401);
    }
    forwarded_for(&stack.anonymous(), "203.0.113.4").await.problem(429);
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_and_the_client_cannot_forge_it() {
    let stack = limited(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    for forged in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        forwarded_for(&stack.anonymous(), &format!("{forged}, 203.0.113.1")).await.problem(401);
    }
    forwarded_for(&stack.anonymous(), "203.0.113.1").await.problem(429);
    forwarded_for(&stack.anonymous(), "203.0.113.2").await.problem(401);
}

#[tokio::test]
async fn without_limits_there_are_no_headers_of_limits() {
    let stack = Stack::start().await;
    assert_eq!(stack.anonymous().get("/events").await.header("ratelimit-limit"), None);
}
