//! The board: what the browser's side must never allow. `clients/browser` tests the pages in a browser.

use eventboard_e2e::Actor;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use uuid::Uuid;

use crate::support::{Response, Stack, send, url};

const PASSWORD: &str = "Password123!";

/// A browser at the gateway of a stack. It follows no redirects and keeps no cookie by itself.
struct Browser {
    client: Client,
    stack: Stack,
}

/// A form that a page of the board sends.
fn same_origin(request: RequestBuilder) -> RequestBuilder {
    request.header("sec-fetch-site", "same-origin")
}

impl Browser {
    async fn start(variables: &[(&'static str, &str)]) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { client, stack: Stack::start_with(variables).await }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, url(self.stack.gateway.address, path)).header("accept", "text/html")
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = self.request(Method::POST, path).body(body.join("&"));
        request.header("content-type", "application/x-www-form-urlencoded")
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        send(self.request(Method::GET, path).header("cookie", cookie)).await
    }

    /// Signs in and returns the value for the header `Cookie`.
    async fn sign_in(&self, user: &Actor) -> String {
        let email = user.user["email"].as_str().unwrap();
        let form = self.post("/board/sign-in", &[("email", email), ("password", PASSWORD)]);
        let response = send(same_origin(form)).await.expect(303);
        let cookie = session_cookie(&response.headers).expect("a session");
        cookie.split(';').next().unwrap().to_owned()
    }
}

/// The header that sets the session.
fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned());
    cookies.into_iter().find(|cookie| cookie.contains("eventboard=") && !cookie.contains("eventboard=;"))
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites_and_bound_to_tls_where_there_is_tls() {
    for (public_url, name, secure) in [
        ("http://localhost:3000", "eventboard", false),
        ("https://board.example.org", "__Host-eventboard", true),
    ] {
        let browser = Browser::start(&[("PUBLIC_URL", public_url)]).await;
        let admin = browser.stack.anonymous().sign_up_admin().await;
        let email = admin.user["email"].as_str().unwrap();
        let form = browser.post("/board/sign-in", &[("email", email), ("password", PASSWORD)]);
        let response = send(same_origin(form)).await.expect(303);
        let cookie = session_cookie(&response.headers).expect("a session");
        let (secret, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(secret.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).unwrap().len(), 43);
        let attributes: Vec<_> = attributes.split("; ").collect();
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(&attribute), "{cookie}");
        }
        assert_eq!(attributes.contains(&"Secure"), secure, "{cookie}");
        assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")), "{cookie}");
    }
}

#[tokio::test]
async fn in_production_there_is_no_board_without_tls() {
    let secret = "a-secret-of-the-operators-own-which-is-long-enough";
    let production =
        [("APP_ENV", "production"), ("JWT_SECRET", secret), ("PUBLIC_URL", "http://board.example.org")];
    let browser = Browser::start(&production).await;
    browser.get("/board", "").await.expect(404);
    browser.get("/", "").await.expect(200);
}

#[tokio::test]
async fn a_form_of_another_site_or_of_nobody_is_refused_whatever_its_path() {
    let browser = Browser::start(&[("PUBLIC_URL", "http://board.example.org")]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    let id = Uuid::now_v7();
    let event = format!("/board/events/{id}");
    let forged: [&[(&str, &str)]; 6] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", "https://board.example.org")],
    ];
    for path in [
        "/board/sign-in",
        "/board/sign-up",
        "/board/sign-out",
        "/board/forgot-password",
        "/board/reset-password",
        "/board/verify-email",
        "/board/account/profile",
        "/board/account/delete",
        "/board/events/new",
        &format!("{event}/edit"),
        &format!("{event}/submit"),
        &format!("{event}/approve"),
        &format!("{event}/reject"),
        &format!("{event}/delete"),
        "/board/organization",
        "/board/members/invite",
        &format!("/board/members/{id}/delete"),
        "/board/anything",
    ] {
        for headers in forged {
            let mut request = browser.post(path, &[("a", "b")]).header("cookie", &cookie);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = send(request).await.expect(403);
            assert!(response.text.contains("This form came from another site"), "{path} {headers:?}");
        }
    }
    // The session was not ended.
    browser.get("/board/events", &cookie).await.expect(200);
    let own = browser.post("/board/sign-out", &[]).header("cookie", &cookie);
    send(own.header("origin", "http://board.example.org")).await.expect(303);
    browser.get("/board/events", &cookie).await.expect(303);
}

#[tokio::test]
async fn the_api_ignores_the_cookie_and_the_board_ignores_the_token() {
    let browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    browser.get("/auth/me", &cookie).await.expect_problem(401);
    let with_token = browser.request(Method::GET, "/board/events").bearer_auth(&admin.token);
    let response = send(with_token).await.expect(303);
    assert_eq!(response.header("location"), Some("/board/sign-in?next=%2Fboard%2Fevents"));
    // Neither is the access token anywhere in a page.
    let page = browser.get("/board/events", &cookie).await.expect(200);
    assert!(!page.text.contains("eyJ"), "a token is in the page");
}

#[tokio::test]
async fn a_secret_that_the_browser_brings_is_never_adopted() {
    let browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let fixed = format!("eventboard={}", "A".repeat(43));
    let email = admin.user["email"].as_str().unwrap();
    let form = browser.post("/board/sign-in", &[("email", email), ("password", PASSWORD)]);
    let response = send(same_origin(form).header("cookie", &fixed)).await.expect(303);
    let cookie = session_cookie(&response.headers).expect("a session");
    assert!(!cookie.starts_with(&fixed));
    browser.get("/board/events", &fixed).await.expect(303);
    // Each sign-in makes another one.
    assert_ne!(browser.sign_in(&admin).await, browser.sign_in(&admin).await);
}

#[tokio::test]
async fn signing_in_leads_to_the_board_and_nowhere_else() {
    let browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let email = admin.user["email"].as_str().unwrap();
    for (next, location) in [
        ("/board/events?text=a", "/board/events?text=a"),
        ("https://evil.example/board", "/board"),
        ("//evil.example/board", "/board"),
        ("/\\evil.example/board", "/board"),
        ("/board/../auth/me", "/board"),
        ("javascript:alert(1)", "/board"),
        ("/api", "/board"),
    ] {
        let fields = [("email", email), ("password", PASSWORD), ("next", next)];
        let response = send(same_origin(browser.post("/board/sign-in", &fields))).await.expect(303);
        assert_eq!(response.header("location"), Some(location), "{next}");
    }
}

#[tokio::test]
async fn every_page_forbids_code_inside_it_and_frames_around_it_and_is_not_stored() {
    let browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    for path in ["/board", "/board/sign-in", "/board/events", "/board/account", "/board/nowhere"] {
        let response = browser.get(path, &cookie).await;
        let policy = response.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(response.header("access-control-allow-credentials"), None, "{path}");
        for inline in ["<script>", " style=\"", " onclick=", "<style"] {
            assert!(!response.text.contains(inline), "{path} contains {inline}");
        }
    }
}

#[tokio::test]
async fn a_browser_gets_pages_for_errors_and_a_program_gets_problems() {
    let browser = Browser::start(&[]).await;
    for path in ["/nowhere", "/board/nowhere"] {
        let response = browser.get(path, "").await.expect(404);
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let correlation_id = response.header("x-correlation-id").unwrap();
        assert!(response.text.contains(correlation_id), "{path}");
    }
    browser.stack.anonymous().get("/nowhere").await.expect_problem(404);
    let front = browser.get("/", "").await.expect(303);
    assert_eq!(front.header("location"), Some("/board"));
}

#[tokio::test]
async fn pages_are_limited_by_address_until_the_session_is_known_and_then_by_user() {
    let limits = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP_MAX", "1000"),
        ("RATE_LIMIT_USER_MAX", "50"),
        ("RATE_LIMIT_PAGES_MAX", "3"),
    ];
    let browser = Browser::start(&limits).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    browser.get("/board/events", &cookie).await.expect(200);
    assert_eq!(browser.get("/board/events", &cookie).await.expect(200).header("ratelimit-limit"), Some("50"));
    for _ in 0..2 {
        browser.get("/board/sign-in", "").await.expect(200);
    }
    let limited = browser.get("/board/sign-in", "").await.expect(429);
    assert!(limited.text.contains("Too much at once") && limited.header("retry-after").is_some());
    // Neither the session nor the files of the page are refused.
    browser.get("/board/events", &cookie).await.expect(200);
    let style = limited.text.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(browser.get(style, "").await.expect(200).header("ratelimit-limit"), None);
}

#[tokio::test]
async fn guesses_count_for_the_address_whatever_session_comes_along() {
    let limits =
        [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP_MAX", "5"), ("RATE_LIMIT_USER_MAX", "1000")];
    let browser = Browser::start(&limits).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    browser.get("/board/events", &cookie).await.expect(200);
    let form = |path| {
        let fields = [("email", "a@example.org"), ("password", "wrong")];
        same_origin(browser.post(path, &fields).header("cookie", &cookie))
    };
    for path in ["/board/sign-in", "/board/sign-up", "/board/account/delete"] {
        assert_ne!(send(form(path)).await.status, 429, "{path}");
    }
    for path in [
        "/board/sign-in",
        "/board/sign-up",
        "/board/join",
        "/board/forgot-password",
        "/board/reset-password",
        "/board/verify-email",
        "/board/account/password",
        "/board/account/email",
        "/board/account/delete",
        "/board/account/resend-verification",
    ] {
        send(form(path)).await.expect(429);
    }
    // Other forms count for the user.
    send(form("/board/account/profile")).await.expect(400);
}

#[tokio::test]
async fn what_was_typed_is_kept_while_a_service_is_unavailable_and_when_the_session_has_ended() {
    let mut browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    browser.get("/board/events", &cookie).await.expect(200);
    let fields = [("title", "A \"quoted\" <b>title</b>"), ("form-key", "k1"), ("password", "Secret123!")];
    let ended = send(same_origin(browser.post("/board/events/new", &fields))).await.expect(401);
    browser.stack.events.kill();
    let form = browser.post("/board/events/new", &fields[..2]).header("cookie", &cookie);
    let unavailable = send(same_origin(form)).await;
    assert!([408, 503].contains(&unavailable.status), "{}", unavailable.text);
    for (response, field) in [(&ended, "carried-title"), (&unavailable, "title")] {
        let kept = format!("name=\"{field}\" value=\"A &#34;quoted&#34; &#60;b&#62;title&#60;/b&#62;\"");
        assert!(response.text.contains(&kept), "{}", response.text);
        assert!(!response.text.contains("Secret123!"), "a password is in the page");
    }
}

#[tokio::test]
async fn trying_again_when_the_service_has_come_back_makes_the_event_once() {
    let mut browser = Browser::start(&[]).await;
    let admin = browser.stack.anonymous().sign_up_admin().await;
    let cookie = browser.sign_in(&admin).await;
    let fields = [
        ("title", "Typed while nothing worked"),
        ("description", "A description that is long enough"),
        ("startDate", "2030-03-03T10:00"),
        ("endDate", "2030-03-03T11:00"),
        ("form-key", "k1"),
    ];
    let try_again = async |browser: &Browser| {
        send(same_origin(browser.post("/board/events/new", &fields)).header("cookie", &cookie)).await
    };
    browser.stack.events.kill();
    let refused = try_again(&browser).await;
    assert!([408, 503].contains(&refused.status), "{}", refused.text);
    for (name, value) in fields {
        assert!(refused.text.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{}", refused.text);
    }
    browser.stack.restart_events().await;
    let made = try_again(&browser).await.expect(303);
    let again = try_again(&browser).await.expect(303);
    assert!(made.header("location").is_some_and(|path| path.starts_with("/board/events/")));
    assert_eq!(made.header("location"), again.header("location"));
}
