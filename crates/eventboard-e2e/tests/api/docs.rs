//! `/` and `/api`.

use crate::support::{Stack, shapes::keys};

#[tokio::test]
async fn the_index_leads_programs_to_the_documentation() {
    let stack = Stack::start().await;
    let index = stack.anonymous().get("/").await.expect(200).body;
    assert_eq!(index["links"]["documentation"], "/api");
    stack.anonymous().get("/favicon.ico").await.expect(200);
}

#[tokio::test]
async fn swagger_ui_and_the_openapi_document_are_served() {
    let stack = Stack::start().await;
    let page = stack.anonymous().get("/api").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text.contains("swagger-ui"));
    assert_eq!(stack.anonymous().get("/api/").await.expect(200).text, page.text);

    let document = stack.anonymous().get("/api/openapi.json").await.expect(200).body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let events =
        ["/events", "/events/{id}", "/events/{id}/approve", "/events/{id}/reject", "/events/{id}/submit"];
    let auth = ["/auth/login", "/auth/me", "/auth/signup"];
    let health = ["/health", "/health/live", "/health/ready"];
    let documented = keys(&document["paths"]);
    for path in events.iter().chain(&auth).chain(&health) {
        assert!(documented.contains(path), "{path}");
    }
}
