//! Somebody with a token.

use eventboard_testing::TestDatabase;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    anonymous::Anonymous,
    answer::{Answer, send},
    database::execute,
};

/// A user who is logged in.
#[derive(Clone)]
pub struct Actor {
    /// Without the token.
    pub anonymous: Anonymous,
    /// The access token.
    pub token: String,
    /// As the API shows it.
    pub user: Value,
}

impl Anonymous {
    /// Founds an organization; its founder.
    pub async fn found_organization(&self) -> Actor {
        let answer = self.signup(json!({ "organizationName": Uuid::now_v7() })).await.expect(201);
        Actor::new(self.clone(), &answer.body)
    }
}

impl Actor {
    /// The user of a session.
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

    /// Another member of this admin's organization, with the given role. No service has seen the
    /// token yet.
    pub async fn colleague(&self, stack: &impl AsRef<TestDatabase>, role: &str) -> Self {
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
        joined.becomes(stack, role).await;
        joined.logs_in_again().await
    }

    /// Gives the user another role, behind the back of the token.
    pub async fn becomes(&self, stack: &impl AsRef<TestDatabase>, role: &str) {
        let statement = match role {
            "USER" => r#"update "User" set role = 'USER' where id = $1"#,
            "MODERATOR" => r#"update "User" set role = 'MODERATOR' where id = $1"#,
            "ADMIN" => r#"update "User" set role = 'ADMIN' where id = $1"#,
            other => panic!("{other} is no role"),
        };
        execute(stack.as_ref(), statement, self.id()).await;
    }

    /// The same user with a new token.
    pub async fn logs_in_again(&self) -> Self {
        let session = self.anonymous.login(&self.user["email"], "Password123!").await.expect(200);
        Self::new(self.anonymous.clone(), &session.body)
    }

    /// A request that can be given more before it is sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path).bearer_auth(&self.token)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// POST without a body.
    pub async fn act(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A request with one header more, and with a body unless that is null.
    pub async fn with_header(
        &self,
        method: Method,
        path: &str,
        header: (&str, &str),
        body: &Value,
    ) -> Answer {
        let request = self.request(method, path).header(header.0, header.1);
        send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// POST with an idempotency key.
    pub async fn keyed(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.with_header(Method::POST, path, ("idempotency-key", key), body).await
    }

    /// A new event of this actor; its id.
    pub async fn created(&self, title: &str) -> String {
        self.post("/events", &draft(title)).await.expect(201).id()
    }

    /// A new event of this actor, submitted; its id.
    pub async fn submitted(&self, title: &str) -> String {
        let id = self.created(title).await;
        self.act(&format!("/events/{id}/submit")).await.expect(200);
        id
    }
}

/// A good new event.
pub fn draft(title: &str) -> Value {
    json!({
        "title": title,
        "description": "A description that is long enough",
        "location": "Somewhere",
        "startDate": "2026-06-15T09:00:00Z",
        "endDate": "2026-06-15T18:00:00.000Z",
    })
}
