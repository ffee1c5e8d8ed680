//! Test support: replicas, organizations and actors.

use std::{net::SocketAddr, time::Duration};

use eventboard_chassis::{
    config::{Env, read},
    shutdown::Shutdown,
    token::{Identity, TokenConfig, TokenIssuer},
};
use eventboard_domain::Role;
use eventboard_proto::{
    events::{
        ApproveRequest, CreateRequest, DeleteRequest, Event, EventReply, ExportReply, ExportRequest,
        FindDaysReply, FindDaysRequest, FindOneRequest, FindQueueReply, FindQueueRequest,
        GetQueueSummaryRequest, GetUsageRequest, ListPeopleReply, ListPeopleRequest, QueueSummaryReply,
        RejectRequest, SubmitRequest, TransferReply, TransferRequest, UpdateRequest, UsageReply,
        events_service_client::EventsServiceClient,
    },
    writes::{EntityTags, Idempotency},
};
use eventboard_testing::TestDatabase;
use events_service::Config;
use prost_types::Timestamp;
use sqlx::Row;
use tonic::{
    Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use uuid::Uuid;

/// 2026-06-15T09:00:00Z, in seconds.
pub const START: i64 = 1_781_514_000;

fn env(database: &TestDatabase, variables: &[(&str, &str)]) -> Env {
    let variables =
        variables.iter().copied().chain([("DATABASE_URL", database.service_url()), ("HOST", "127.0.0.1")]);
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A running events-service. It ends with the test.
pub struct Replica {
    channel: Channel,
    shutdown: Shutdown,
}

impl Replica {
    pub async fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, &[]).await
    }

    pub async fn start_with(database: &TestDatabase, variables: &[(&str, &str)]) -> Self {
        let config = read(env(database, variables), Config::from_env).unwrap();
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        tokio::spawn(events_service::run(config, listener, shutdown.clone()));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        wait_until_serving(channel.clone()).await;
        Self { channel, shutdown }
    }

    pub fn actor(&self, organization: &Organization, role: Role) -> Actor {
        self.actor_as(organization.identity(role))
    }

    pub fn actor_as(&self, identity: Identity) -> Actor {
        Actor { client: EventsServiceClient::new(self.channel.clone()), token: token(&identity), identity }
    }

    pub fn client(&self) -> EventsServiceClient<Channel> {
        EventsServiceClient::new(self.channel.clone())
    }

    pub async fn stop(self) {
        self.shutdown.begin(Duration::ZERO).await;
    }
}

async fn wait_until_serving(channel: Channel) {
    let mut health = HealthClient::new(channel);
    let request = HealthCheckRequest { service: "eventboard.events.v1.EventsService".into() };
    loop {
        if let Ok(reply) = health.check(request.clone()).await
            && reply.into_inner().status == 1
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn token(identity: &Identity) -> String {
    let config = TokenConfig::from_env(&mut Env::from_iter([]));
    TokenIssuer::new(&config, Duration::from_secs(3600)).issue(identity, "someone@example.org").unwrap()
}

/// An organization with one user for each role and a second USER.
pub struct Organization {
    pub id: Uuid,
    users: Vec<(Role, Uuid)>,
    pub other_user: Uuid,
}

impl Organization {
    pub async fn create(database: &TestDatabase) -> Self {
        let id = Uuid::now_v7();
        let mut connection = database.connect().await;
        sqlx::query(r#"insert into "Organization" (id, name, slug) values ($1, 'Some name', $2)"#)
            .bind(id)
            .bind(id.to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        let mut ids = Vec::new();
        for role in [Role::User, Role::Moderator, Role::Admin, Role::User] {
            let user = Uuid::now_v7();
            sqlx::query(
                r#"insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
                   values ($1, $2, $3, 'F', 'L', $4::text::"Role", '$argon2id$')"#,
            )
            .bind(user)
            .bind(id)
            .bind(format!("{user}@example.org"))
            .bind(role.as_str())
            .execute(&mut connection)
            .await
            .unwrap();
            ids.push((role, user));
        }
        let (_, other_user) = ids.pop().unwrap();
        Self { id, users: ids, other_user }
    }

    pub fn identity(&self, role: Role) -> Identity {
        let (_, user_id) = self.users.iter().find(|(of, _)| *of == role).unwrap();
        Identity {
            user_id: *user_id,
            organization_id: self.id,
            role,
            session: eventboard_domain::TokenSession::UNDATED,
        }
    }

    pub fn other_identity(&self) -> Identity {
        Identity {
            user_id: self.other_user,
            organization_id: self.id,
            role: Role::User,
            session: eventboard_domain::TokenSession::UNDATED,
        }
    }
}

/// A user with a token who calls one replica.
#[derive(Clone)]
pub struct Actor {
    client: EventsServiceClient<Channel>,
    token: String,
    pub identity: Identity,
}

pub fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

pub fn draft(title: &str) -> CreateRequest {
    CreateRequest {
        title: title.into(),
        description: "A description that is long enough".into(),
        location: Some("Somewhere".into()),
        start_date: at(START),
        end_date: at(START + 3600),
        if_match: None,
        if_none_match: None,
        idempotency: None,
    }
}

/// Returns the key of a client with a new request id.
pub fn key(key: &str) -> Option<Idempotency> {
    Some(Idempotency { key: key.into(), request_id: Uuid::now_v7().to_string(), generated: false })
}

/// `*`.
pub const ANY: Option<EntityTags> = Some(EntityTags { any: true, versions: Vec::new() });

pub fn versions(versions: &[i64]) -> Option<EntityTags> {
    Some(EntityTags { any: false, versions: versions.to_vec() })
}

macro_rules! method {
    ($name:ident, $request:ty, $reply:ty) => {
        pub async fn $name(&self, message: $request) -> Result<$reply, Status> {
            Ok(self.client.clone().$name(self.request(message)).await?.into_inner())
        }
    };
}

impl Actor {
    pub fn client(&self) -> EventsServiceClient<Channel> {
        self.client.clone()
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    method!(create, CreateRequest, EventReply);
    method!(update, UpdateRequest, EventReply);
    method!(delete, DeleteRequest, eventboard_proto::events::DeleteReply);
    method!(submit, SubmitRequest, EventReply);
    method!(approve, ApproveRequest, EventReply);
    method!(reject, RejectRequest, EventReply);
    method!(find_one, FindOneRequest, Event);
    method!(transfer, TransferRequest, TransferReply);
    method!(list_people, ListPeopleRequest, ListPeopleReply);
    method!(find_days, FindDaysRequest, FindDaysReply);
    method!(find_queue, FindQueueRequest, FindQueueReply);
    method!(get_queue_summary, GetQueueSummaryRequest, QueueSummaryReply);
    method!(get_usage, GetUsageRequest, UsageReply);
    method!(export, ExportRequest, ExportReply);
    method!(find_all, eventboard_proto::events::FindAllRequest, eventboard_proto::events::FindAllReply);

    pub async fn create_draft(&self, title: &str) -> Event {
        self.create(draft(title)).await.unwrap().event.unwrap()
    }

    pub async fn create_submitted(&self, title: &str) -> Event {
        let event = self.create_draft(title).await;
        self.submit(SubmitRequest { id: event.id, ..Default::default() }).await.unwrap().event.unwrap()
    }

    pub async fn find(&self, id: &str) -> Result<Event, Status> {
        self.find_one(FindOneRequest { id: id.into() }).await
    }
}

/// Returns the history of an event, as action, from, to, reason.
pub async fn history(
    database: &TestDatabase,
    id: &str,
) -> Vec<(String, Option<String>, Option<String>, Option<String>)> {
    let rows = sqlx::query(
        r#"select action, "fromStatus"::text, "toStatus"::text, reason from "EventHistory" where "eventId" = $1 order by id"#,
    )
    .bind(Uuid::parse_str(id).unwrap())
    .fetch_all(&mut database.connect().await)
    .await
    .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// Runs a statement whose only parameter is an id.
pub async fn execute(database: &TestDatabase, statement: &'static str, id: Uuid) {
    sqlx::query(statement).bind(id).execute(&mut database.connect().await).await.unwrap();
}

pub async fn count(database: &TestDatabase, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut database.connect().await).await.unwrap()
}
