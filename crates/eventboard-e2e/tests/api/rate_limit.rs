//! Rate limits.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Anonymous, Response, Stack, send, token};

async fn stack_with_limits(extra: &[(&'static str, &str)]) -> Stack {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP_MAX", "3"), ("RATE_LIMIT_USER_MAX", "2")];
    Stack::start_with(&[&limits[..], extra].concat()).await
}

async fn get_forwarded_for(anonymous: &Anonymous, addresses: &str) -> Response {
    send(anonymous.request(Method::GET, "/events").header("x-forwarded-for", addresses)).await
}

#[tokio::test]
async fn requests_per_address_are_limited_before_any_other_check() {
    let stack = stack_with_limits(&[]).await;
    for remaining in ["2", "1", "0"] {
        let response = stack.anonymous().get("/events").await;
        response.expect_problem(401);
        assert_eq!(response.header("ratelimit-limit"), Some("3"));
        assert_eq!(response.header("ratelimit-remaining"), Some(remaining));
        assert!((1..=900).contains(&response.header("ratelimit-reset").unwrap().parse::<u32>().unwrap()));
    }
    let limited = stack.anonymous().get("/events").await;
    limited.expect_problem(429);
    assert_eq!(limited.header("ratelimit-remaining"), Some("0"));
    assert!((1..=900).contains(&limited.header("retry-after").unwrap().parse::<u32>().unwrap()));
    stack.anonymous().get("/nowhere").await.expect_problem(429);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(stack.anonymous().get(path).await.expect(200).header("ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn a_user_has_a_separate_limit_that_only_a_verified_token_selects() {
    let stack = stack_with_limits(&[]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    for (_, invalid) in token::invalid_tokens(&admin).into_iter().take(2) {
        admin.with_token(invalid).get("/events").await.expect_problem(401);
    }
    stack.anonymous().get("/events").await.expect_problem(429);
    for remaining in ["1", "0"] {
        let response = admin.get("/events").await.expect(200);
        assert_eq!(
            (response.header("ratelimit-limit"), response.header("ratelimit-remaining")),
            (Some("2"), Some(remaining))
        );
    }
    admin.get("/events").await.expect_problem(429);
}

#[tokio::test]
async fn logins_are_limited_per_address_whatever_token_comes_along() {
    let stack = stack_with_limits(&[]).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let guess = json!({ "email": admin.user["email"], "password": "Password124!" });
    for remaining in ["1", "0"] {
        let response = send(admin.request(Method::POST, "/auth/login").json(&guess)).await;
        response.expect_problem(401);
        assert_eq!(response.header("ratelimit-remaining"), Some(remaining));
    }
    send(admin.request(Method::POST, "/auth/login").json(&guess)).await.expect_problem(429);
    send(admin.request(Method::POST, "/auth/signup").json(&guess)).await.expect_problem(429);
    admin.get("/events").await.expect(200);
}

#[tokio::test]
async fn an_untrusted_client_cannot_choose_the_counted_address() {
    let stack = stack_with_limits(&[]).await;
    for client in 1..=3 {
        get_forwarded_for(&stack.anonymous(), &format!("203.0.113.{client}")).await.expect_problem(401);
    }
    get_forwarded_for(&stack.anonymous(), "203.0.113.4").await.expect_problem(429);
}

#[tokio::test]
async fn a_trusted_proxy_sets_the_client_address_and_the_client_cannot_forge_it() {
    let stack = stack_with_limits(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    for forged in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        get_forwarded_for(&stack.anonymous(), &format!("{forged}, 203.0.113.1")).await.expect_problem(401);
    }
    get_forwarded_for(&stack.anonymous(), "203.0.113.1").await.expect_problem(429);
    get_forwarded_for(&stack.anonymous(), "203.0.113.2").await.expect_problem(401);
}

#[tokio::test]
async fn all_forms_of_an_address_count_for_one_client() {
    let stack = stack_with_limits(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    for form in ["2001:db8::7", "[2001:DB8:0::7]", "\"[2001:db8::7]:4711\""] {
        get_forwarded_for(&stack.anonymous(), &format!("unknown, {form}")).await.expect_problem(401);
    }
    let forwarded = |value: &str| {
        send(stack.anonymous().request(Method::GET, "/events").header("forwarded", value.to_owned()))
    };
    forwarded("for=\"[2001:db8::7]:1\";proto=https").await.expect_problem(429);
    forwarded("for=\"[2001:db8:0:1::7]:1\";proto=https").await.expect_problem(401);
}

#[tokio::test]
async fn without_limits_there_are_no_rate_limit_headers() {
    let stack = Stack::start().await;
    assert_eq!(stack.anonymous().get("/events").await.header("ratelimit-limit"), None);
}

#[tokio::test]
async fn refreshes_of_an_address_count_only_if_they_fail_and_whatever_else_is_sent_does_not_count() {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP_MAX", "3")];
    let stack = Stack::start_with(&limits).await;
    let anonymous = stack.anonymous();
    let mut session = anonymous.signup(json!({ "organizationName": "Acme" })).await.expect(201).body;
    let refresh = async |token: &Value| {
        let body = json!({ "refreshToken": token });
        anonymous.post("/auth/refresh", &body).await
    };
    for _ in 0..2 {
        anonymous.get("/nowhere").await.expect_problem(404);
    }
    anonymous.get("/nowhere").await.expect_problem(429);
    for _ in 0..5 {
        session = refresh(&session["refreshToken"]).await.expect(200).body;
    }
    for _ in 0..3 {
        refresh(&json!("forged")).await.expect_problem(401);
    }
    refresh(&session["refreshToken"]).await.expect_problem(429);
}
