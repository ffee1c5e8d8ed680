//! A logged-in API user.

use eventboard_testing::TestDatabase;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    anonymous::Anonymous,
    database::execute,
    response::{Response, send},
};

/// A logged-in user.
#[derive(Clone)]
pub struct Actor {
    /// The same client without the token.
    pub anonymous: Anonymous,
    /// The access token.
    pub token: String,
    /// The user as returned by the API.
    pub user: Value,
}

impl Anonymous {
    /// Signs up a new user with a new organization. The user becomes ADMIN of the organization.
    pub async fn sign_up_admin(&self) -> Actor {
        let response = self.signup(json!({ "organizationName": Uuid::now_v7() })).await.expect(201);
        Actor::new(self.clone(), &response.body)
    }
}

impl Actor {
    /// Creates the user from a signup or login response.
    pub fn new(anonymous: Anonymous, session: &Value) -> Self {
        let token = session["accessToken"].as_str().unwrap().to_owned();
        Self { anonymous, token, user: session["user"].clone() }
    }

    /// The id of the user.
    pub fn id(&self) -> Uuid {
        self.user["id"].as_str().unwrap().parse().unwrap()
    }

    /// The id of the organization.
    pub fn organization_id(&self) -> Uuid {
        self.user["organizationId"].as_str().unwrap().parse().unwrap()
    }

    /// The same user with another token.
    pub fn with_token(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    /// Signs up another member of this admin's organization with the given role. The new token has not been used yet.
    pub async fn add_colleague(&self, stack: &impl AsRef<TestDatabase>, role: &str) -> Self {
        let organization = self.organization_id();
        execute(
            stack.as_ref(),
            r#"update "Organization" set "openSignup" = true where id = $1"#,
            organization,
        )
        .await;
        let joined = self.anonymous.signup(json!({ "organizationId": organization })).await.expect(201);
        let joined = Self::new(self.anonymous.clone(), &joined.body);
        if role == "USER" {
            return joined;
        }
        joined.set_role(stack, role).await;
        joined.log_in_again().await
    }

    /// Changes the user's role in the database, so that it differs from the role in the token.
    pub async fn set_role(&self, stack: &impl AsRef<TestDatabase>, role: &str) {
        let statement = match role {
            "USER" => r#"update "User" set role = 'USER' where id = $1"#,
            "MODERATOR" => r#"update "User" set role = 'MODERATOR' where id = $1"#,
            "ADMIN" => r#"update "User" set role = 'ADMIN' where id = $1"#,
            other => panic!("unknown role {other}"),
        };
        execute(stack.as_ref(), statement, self.id()).await;
    }

    /// Logs in again and returns the user with a new token.
    pub async fn log_in_again(&self) -> Self {
        let session = self.anonymous.login(&self.user["email"], "Password123!").await.expect(200);
        Self::new(self.anonymous.clone(), &session.body)
    }

    /// A request that can be extended before it is sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path).bearer_auth(&self.token)
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Response {
        send(self.request(Method::GET, path)).await
    }

    /// Sends a POST request.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a POST request without a body.
    pub async fn post_without_body(&self, path: &str) -> Response {
        send(self.request(Method::POST, path)).await
    }

    /// Sends a PATCH request.
    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends a DELETE request.
    pub async fn delete(&self, path: &str) -> Response {
        send(self.request(Method::DELETE, path)).await
    }

    /// Sends a request with an additional header, and with a body unless it is null.
    pub async fn with_header(
        &self,
        method: Method,
        path: &str,
        header: (&str, &str),
        body: &Value,
    ) -> Response {
        let request = self.request(method, path).header(header.0, header.1);
        send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// Sends a POST request with an idempotency key.
    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Response {
        self.with_header(Method::POST, path, ("idempotency-key", key), body).await
    }

    /// Creates an event that belongs to this user, and returns the event's id.
    pub async fn create_event(&self, title: &str) -> String {
        self.post("/events", &event_body(title)).await.expect(201).id()
    }

    /// Creates and submits an event that belongs to this user, and returns the event's id.
    pub async fn create_submitted_event(&self, title: &str) -> String {
        let id = self.create_event(title).await;
        self.post_without_body(&format!("/events/{id}/submit")).await.expect(200);
        id
    }
}

/// A valid request body for a new event.
pub fn event_body(title: &str) -> Value {
    json!({
        "title": title,
        "description": "A description that is long enough",
        "location": "Somewhere",
        "startDate": "2026-06-15T09:00:00Z",
        "endDate": "2026-06-15T18:00:00.000Z",
    })
}
