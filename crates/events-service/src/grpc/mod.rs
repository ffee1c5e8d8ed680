//! The edge: gRPC messages in and out. Nothing behind it knows tonic.

mod replies;
mod requests;

use eventboard_chassis::{
    error::ServiceError,
    server::{Caller, Deadline},
};
use eventboard_domain::Faults;
use eventboard_idempotency::Answer;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteReply, DeleteRequest, Event as EventMessage, EventReply,
    FindAllReply, FindAllRequest, FindOneRequest, RejectRequest, SubmitRequest, UpdateRequest,
    events_service_server::EventsService,
};
use tonic::{Request, Response, Status};

use crate::{
    message::message,
    use_cases::{Change, Events},
};

/// The methods of `eventboard.events.v1.EventsService`.
pub(crate) struct EventsGrpc {
    events: Events,
}

impl EventsGrpc {
    pub(crate) fn new(events: Events) -> Self {
        Self { events }
    }

    async fn change<T>(
        &self,
        request: Request<T>,
        read: impl FnOnce(T) -> Result<Change, Faults>,
    ) -> Result<Answer, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let change = read(request.into_inner())?;
        self.events.change(&caller, change, deadline).await
    }

    async fn created(&self, request: Request<CreateRequest>) -> Result<Answer, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let create = requests::create(request.into_inner())?;
        self.events.create(&caller, create, deadline).await
    }

    async fn found(&self, request: Request<FindOneRequest>) -> Result<EventMessage, ServiceError> {
        let caller = Caller::of(&request)?;
        let id = requests::id(&request.get_ref().id)?;
        self.events.find(&caller, id).await.map(message)
    }

    async fn listed(&self, request: Request<FindAllRequest>) -> Result<FindAllReply, ServiceError> {
        let caller = Caller::of(&request)?;
        let listing = requests::listing(&caller, request.into_inner())?;
        self.events.list(&listing).await.map(replies::page)
    }
}

#[tonic::async_trait]
impl EventsService for EventsGrpc {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.created(request).await?)?)
    }

    async fn find_all(&self, request: Request<FindAllRequest>) -> Result<Response<FindAllReply>, Status> {
        Ok(Response::new(self.listed(request).await?))
    }

    async fn find_one(&self, request: Request<FindOneRequest>) -> Result<Response<EventMessage>, Status> {
        Ok(Response::new(self.found(request).await?))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change(request, requests::update).await?)?)
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteReply>, Status> {
        Ok(replies::deleted(&self.change(request, requests::delete).await?))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change(request, requests::submit).await?)?)
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change(request, requests::approve).await?)?)
    }

    async fn reject(&self, request: Request<RejectRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change(request, requests::reject).await?)?)
    }
}
