//! The edge: gRPC messages in and out. Nothing behind it knows tonic.

mod input;

use eventboard_chassis::{
    error::ServiceError,
    server::{Caller, Deadline},
};
use eventboard_domain::{Faults, rules};
use eventboard_proto::events::{
    self as proto, ApproveRequest, CreateRequest, DeleteReply, DeleteRequest, EventReply, FindAllReply,
    FindAllRequest, FindOneRequest, RejectRequest, SubmitRequest, UpdateRequest,
    events_service_server::EventsService,
};
use tonic::{Request, Response, Status};

use crate::{
    command::{Change, Command},
    cursor::CursorSigner,
    event,
    idempotency::{Answer, Idempotency},
    listing::Start,
    store::Store,
    wire,
};

/// The methods of `eventboard.events.v1.EventsService`.
pub(crate) struct EventsGrpc {
    store: Store,
    idempotency: Idempotency,
    cursors: CursorSigner,
}

impl EventsGrpc {
    pub(crate) fn new(store: Store, idempotency: Idempotency, cursors: CursorSigner) -> Self {
        Self { store, idempotency, cursors }
    }

    async fn write<T>(
        &self,
        request: Request<T>,
        read: impl FnOnce(T) -> Result<(Command, Option<proto::Idempotency>), Faults>,
    ) -> Result<Answer, ServiceError> {
        let caller = Caller::of(&request)?;
        let deadline = Deadline::of(&request);
        let (command, key) = read(request.into_inner())?;
        let key = input::key(key)?;
        self.idempotency.perform(&caller, &command, key, deadline).await
    }

    async fn find(&self, request: Request<FindOneRequest>) -> Result<proto::Event, ServiceError> {
        let caller = Caller::of(&request)?;
        let id = input::id(&request.get_ref().id)?;
        let event = self.store.find(&caller, id).await?;
        event.map(Into::into).ok_or_else(event::not_found)
    }

    async fn list(&self, request: Request<FindAllRequest>) -> Result<FindAllReply, ServiceError> {
        let caller = Caller::of(&request)?;
        let asked = input::listing(&caller, request.into_inner())?;
        let start = match asked.position {
            input::Position::Page(page) => Start::Offset((page - 1) * u64::from(asked.limit)),
            input::Position::Cursor(cursor) => {
                let position = self.cursors.verify(&cursor, &asked.filter);
                Start::After(
                    position.ok_or_else(|| Faults::one("cursor", "is not a cursor of this listing"))?,
                )
            }
        };
        let page = self.store.list(&asked.filter, &start, asked.limit).await?;
        Ok(FindAllReply {
            has_next: page.next.is_some(),
            next_cursor: page.next.map(|position| self.cursors.sign(&position, &asked.filter)),
            events: page.events.into_iter().map(Into::into).collect(),
            total: page.total,
            total_is_exact: page.total_is_exact,
        })
    }
}

fn event_reply(answer: &Answer) -> Result<Response<EventReply>, ServiceError> {
    let event = wire::decode(&answer.response)?;
    Ok(Response::new(EventReply { event: Some(event), replayed: answer.replayed }))
}

#[tonic::async_trait]
impl EventsService for EventsGrpc {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(event_reply(&self.write(request, input::create).await?)?)
    }

    async fn find_all(&self, request: Request<FindAllRequest>) -> Result<Response<FindAllReply>, Status> {
        Ok(Response::new(self.list(request).await?))
    }

    async fn find_one(&self, request: Request<FindOneRequest>) -> Result<Response<proto::Event>, Status> {
        Ok(Response::new(self.find(request).await?))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(event_reply(&self.write(request, input::update).await?)?)
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteReply>, Status> {
        let delete = |message: DeleteRequest| {
            Ok((input::change(&message.id, message.if_match, Change::Delete)?, message.idempotency))
        };
        let answer = self.write(request, delete).await?;
        Ok(Response::new(DeleteReply { replayed: answer.replayed }))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<EventReply>, Status> {
        let submit = |message: SubmitRequest| {
            Ok((input::change(&message.id, message.if_match, Change::Submit)?, message.idempotency))
        };
        Ok(event_reply(&self.write(request, submit).await?)?)
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<EventReply>, Status> {
        let approve = |message: ApproveRequest| {
            Ok((input::change(&message.id, message.if_match, Change::Approve)?, message.idempotency))
        };
        Ok(event_reply(&self.write(request, approve).await?)?)
    }

    async fn reject(&self, request: Request<RejectRequest>) -> Result<Response<EventReply>, Status> {
        let reject = |message: RejectRequest| {
            let reason = rules::reason(&message.reason).map_err(|fault| Faults::one("reason", fault))?;
            Ok((
                input::change(&message.id, message.if_match, Change::Reject { reason })?,
                message.idempotency,
            ))
        };
        Ok(event_reply(&self.write(request, reject).await?)?)
    }
}
