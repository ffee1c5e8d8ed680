//! The baseline: a gateway and a service with the same libraries and structure as EventBoard. They only read and
//! write events.

use std::{env, net::SocketAddr};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
    serve::ListenerExt,
};
use chrono::{DateTime, SecondsFormat, Utc};
use eventboard_proto::events::{
    self as proto,
    events_service_client::EventsServiceClient,
    events_service_server::{EventsService, EventsServiceServer},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use uuid::Uuid;

/// The statement that reads an event. It is the same as in events-service.
pub(crate) const SELECT: &str = r#"
    select id, "organizationId" as organization_id, "createdById" as created_by_id, title, description,
        location, "startDate" as start_date, "endDate" as end_date, status::text as status,
        "rejectionReason" as rejection_reason, "submittedAt" as submitted_at, "createdAt" as created_at,
        "updatedAt" as updated_at, version
    from "Event"
    where id = $1 and "organizationId" = $2 and ($3 or "createdById" = $4 or status = 'APPROVED')"#;

/// The statement that adds an event.
pub(crate) const INSERT: &str = r#"
    insert into "Event" (id, "organizationId", "createdById", title, description, location,
        "startDate", "endDate", "createdAt", "updatedAt")
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"#;

/// The title, the description and the location of every added event.
pub(crate) const TEXTS: [&str; 3] = [
    "Autumn hackathon",
    "Two days of building things together: bring an idea or join one, there is food and a stage at the end.",
    "Office",
];

/// The variable with the URL of the service's database. If it is not set, the service returns a constant event.
pub(crate) const DATABASE_URL: &str = "BARE_DATABASE_URL";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    title: String,
    description: String,
    location: Option<String>,
    start_date: String,
    end_date: String,
    status: &'static str,
    rejection_reason: Option<String>,
    submitted_at: Option<String>,
    organization_id: String,
    created_by_id: String,
    created_at: String,
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    title: String,
    description: String,
    location: Option<String>,
    start_date: String,
    end_date: String,
}

type Client = EventsServiceClient<Channel>;

pub(crate) async fn serve_gateway(listen: SocketAddr, service: SocketAddr) {
    let channel = Endpoint::from_shared(format!("http://{service}")).unwrap().connect().await.unwrap();
    let router = Router::new()
        .route("/events", post(create))
        .route("/events/{id}", get(find))
        .with_state(EventsServiceClient::new(channel));
    let listener =
        TcpListener::bind(listen).await.unwrap().tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn find(State(mut events): State<Client>, Path(id): Path<String>) -> Result<Json<Event>, StatusCode> {
    let reply = events.find_one(proto::FindOneRequest { id }).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(reply.into_inner().into()))
}

async fn create(
    State(mut events): State<Client>,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Event>), StatusCode> {
    let request = proto::CreateRequest {
        title: draft.title,
        description: draft.description,
        location: draft.location,
        start_date: Some(parse(&draft.start_date)?),
        end_date: Some(parse(&draft.end_date)?),
        ..Default::default()
    };
    let reply = events.create(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?.into_inner();
    let event = reply.event.ok_or(StatusCode::BAD_GATEWAY)?;
    Ok((StatusCode::CREATED, Json(event.into())))
}

fn parse(time: &str) -> Result<prost_types::Timestamp, StatusCode> {
    time.parse().map(to_proto_time).map_err(|_| StatusCode::BAD_REQUEST)
}

impl From<proto::Event> for Event {
    fn from(event: proto::Event) -> Self {
        let text = |time| from_proto_time(time).to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            status: match event.status() {
                proto::EventStatus::Unspecified | proto::EventStatus::Draft => "DRAFT",
                proto::EventStatus::Submitted => "SUBMITTED",
                proto::EventStatus::Approved => "APPROVED",
                proto::EventStatus::Rejected => "REJECTED",
            },
            id: event.id,
            title: event.title,
            description: event.description,
            location: event.location,
            start_date: text(event.start_date),
            end_date: text(event.end_date),
            rejection_reason: event.rejection_reason,
            submitted_at: event.submitted_at.map(|at| text(Some(at))),
            organization_id: event.organization_id,
            created_by_id: event.created_by_id,
            created_at: text(event.created_at),
            updated_at: text(event.updated_at),
        }
    }
}

fn to_proto_time(time: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().try_into().unwrap_or_default(),
    }
}

fn from_proto_time(time: Option<prost_types::Timestamp>) -> DateTime<Utc> {
    let time = time.unwrap_or_default();
    DateTime::from_timestamp(time.seconds, time.nanos.try_into().unwrap_or_default()).unwrap_or_default()
}

struct Service {
    pool: Option<PgPool>,
    organization: Uuid,
    user: Uuid,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    organization_id: Uuid,
    created_by_id: Uuid,
    title: String,
    description: String,
    location: Option<String>,
    start_date: DateTime<Utc>,
    end_date: DateTime<Utc>,
    status: String,
    rejection_reason: Option<String>,
    submitted_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

pub(crate) async fn serve_service(listen: SocketAddr, organization: Uuid, user: Uuid) {
    let connections = PgPoolOptions::new().max_connections(10).min_connections(10).test_before_acquire(false);
    let pool = match env::var(DATABASE_URL) {
        Ok(url) => Some(connections.connect(&url).await.unwrap()),
        Err(_) => None,
    };
    let service = EventsServiceServer::new(Service { pool, organization, user });
    let incoming = TcpIncoming::bind(listen).unwrap().with_nodelay(Some(true));
    Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
}

impl Service {
    fn new_event(&self, draft: proto::CreateRequest) -> proto::Event {
        let now = Some(to_proto_time(Utc::now()));
        proto::Event {
            id: Uuid::now_v7().to_string(),
            title: draft.title,
            description: draft.description,
            location: draft.location,
            start_date: draft.start_date,
            end_date: draft.end_date,
            status: proto::EventStatus::Draft.into(),
            rejection_reason: None,
            organization_id: self.organization.to_string(),
            created_by_id: self.user.to_string(),
            created_at: now,
            updated_at: now,
            version: 1,
            submitted_at: None,
        }
    }

    fn constant_event(&self) -> proto::Event {
        let [title, description, location] = TEXTS.map(str::to_owned);
        let draft =
            proto::CreateRequest { title, description, location: Some(location), ..Default::default() };
        self.new_event(draft)
    }
}

#[tonic::async_trait]
impl EventsService for Service {
    async fn find_one(
        &self,
        request: Request<proto::FindOneRequest>,
    ) -> Result<Response<proto::Event>, Status> {
        let Some(pool) = &self.pool else { return Ok(Response::new(self.constant_event())) };
        let id: Uuid = request.get_ref().id.parse().map_err(|_| Status::invalid_argument("id"))?;
        let select = sqlx::query_as(SELECT).bind(id).bind(self.organization).bind(true).bind(self.user);
        let row: Option<Row> = select.fetch_optional(pool).await.map_err(internal)?;
        Ok(Response::new(row.ok_or_else(|| Status::not_found("event"))?.into()))
    }

    async fn create(
        &self,
        request: Request<proto::CreateRequest>,
    ) -> Result<Response<proto::EventReply>, Status> {
        let event = self.new_event(request.into_inner());
        if let Some(pool) = &self.pool {
            sqlx::query(INSERT)
                .bind(event.id.parse::<Uuid>().map_err(internal)?)
                .bind(self.organization)
                .bind(self.user)
                .bind(&event.title)
                .bind(&event.description)
                .bind(&event.location)
                .bind(from_proto_time(event.start_date))
                .bind(from_proto_time(event.end_date))
                .bind(from_proto_time(event.created_at))
                .execute(pool)
                .await
                .map_err(internal)?;
        }
        Ok(Response::new(proto::EventReply { event: Some(event), replayed: false }))
    }

    async fn find_all(
        &self,
        _: Request<proto::FindAllRequest>,
    ) -> Result<Response<proto::FindAllReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn find_days(
        &self,
        _: Request<proto::FindDaysRequest>,
    ) -> Result<Response<proto::FindDaysReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn find_queue(
        &self,
        _: Request<proto::FindQueueRequest>,
    ) -> Result<Response<proto::FindQueueReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_queue_summary(
        &self,
        _: Request<proto::GetQueueSummaryRequest>,
    ) -> Result<Response<proto::QueueSummaryReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update(&self, _: Request<proto::UpdateRequest>) -> Result<Response<proto::EventReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn delete(&self, _: Request<proto::DeleteRequest>) -> Result<Response<proto::DeleteReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn submit(&self, _: Request<proto::SubmitRequest>) -> Result<Response<proto::EventReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn approve(
        &self,
        _: Request<proto::ApproveRequest>,
    ) -> Result<Response<proto::EventReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn reject(&self, _: Request<proto::RejectRequest>) -> Result<Response<proto::EventReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn transfer(
        &self,
        _: Request<proto::TransferRequest>,
    ) -> Result<Response<proto::TransferReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_people(
        &self,
        _: Request<proto::ListPeopleRequest>,
    ) -> Result<Response<proto::ListPeopleReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_usage(
        &self,
        _: Request<proto::GetUsageRequest>,
    ) -> Result<Response<proto::UsageReply>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn export(&self, _: Request<proto::ExportRequest>) -> Result<Response<proto::ExportReply>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

impl From<Row> for proto::Event {
    fn from(row: Row) -> Self {
        let status = match row.status.as_str() {
            "SUBMITTED" => proto::EventStatus::Submitted,
            "APPROVED" => proto::EventStatus::Approved,
            "REJECTED" => proto::EventStatus::Rejected,
            _ => proto::EventStatus::Draft,
        };
        Self {
            id: row.id.to_string(),
            title: row.title,
            description: row.description,
            location: row.location,
            start_date: Some(to_proto_time(row.start_date)),
            end_date: Some(to_proto_time(row.end_date)),
            status: status.into(),
            rejection_reason: row.rejection_reason,
            organization_id: row.organization_id.to_string(),
            created_by_id: row.created_by_id.to_string(),
            created_at: Some(to_proto_time(row.created_at)),
            updated_at: Some(to_proto_time(row.updated_at)),
            version: row.version,
            submitted_at: row.submitted_at.map(to_proto_time),
        }
    }
}
