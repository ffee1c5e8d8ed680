//! The gRPC layer: converts requests and replies. No other module uses tonic.

mod replies;
mod requests;

use eventboard_chassis::{
    correlation::CorrelationId,
    error::ServiceError,
    server::{Caller, Deadline, Origin},
};
use eventboard_domain::Violations;
use eventboard_idempotency::WriteResponse;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteReply, DeleteRequest, Event as EventMessage, EventReply,
    ExportReply, ExportRequest, FindAllReply, FindAllRequest, FindDaysReply, FindDaysRequest, FindOneRequest,
    FindQueueReply, FindQueueRequest, GetQueueSummaryRequest, GetUsageRequest, ListPeopleReply,
    ListPeopleRequest, QueueSummaryReply, RejectRequest, SubmitRequest, TransferReply, TransferRequest,
    UpdateRequest, UsageReply, events_service_server::EventsService,
};
use tonic::{Request, Response, Status};

use crate::{
    message::event_message,
    use_cases::{ChangeCall, ChangeCommand, EventUseCases},
};

/// The methods of `eventboard.events.v1.EventsService`.
pub(crate) struct EventsGrpc {
    use_cases: EventUseCases,
}

impl EventsGrpc {
    pub(crate) fn new(use_cases: EventUseCases) -> Self {
        Self { use_cases }
    }

    async fn change_event<T>(
        &self,
        request: Request<T>,
        parse: impl FnOnce(T) -> Result<ChangeCommand, Violations>,
    ) -> Result<WriteResponse, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let correlation = CorrelationId::of_call(&request);
        let command = parse(request.into_inner())?;
        let call = ChangeCall { caller: &caller, deadline, correlation: &correlation };
        self.use_cases.change(call, command).await
    }

    async fn create_event(&self, request: Request<CreateRequest>) -> Result<WriteResponse, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let command = requests::create(request.into_inner())?;
        self.use_cases.create(&caller, command, deadline).await
    }

    async fn find_event(&self, request: Request<FindOneRequest>) -> Result<EventMessage, ServiceError> {
        let caller = Caller::of(&request)?;
        let id = requests::event_id(&request.get_ref().id)?;
        self.use_cases.find(&caller, id).await.map(event_message)
    }

    async fn transfer_events(
        &self,
        request: Request<TransferRequest>,
    ) -> Result<WriteResponse, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let origin = Origin::of(&request);
        let command = requests::transfer(request.into_inner())?;
        self.use_cases.transfer(&caller, command, &origin, deadline).await
    }

    async fn list_events(&self, request: Request<FindAllRequest>) -> Result<FindAllReply, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let query = requests::list_query(&caller, request.into_inner())?;
        self.use_cases.list(&caller, &query, deadline).await.map(replies::page)
    }

    async fn list_days(&self, request: Request<FindDaysRequest>) -> Result<FindDaysReply, ServiceError> {
        let query = requests::days_query(&Caller::of(&request)?, request.into_inner())?;
        self.use_cases.days(&query).await.map(replies::days)
    }

    async fn list_queue(&self, request: Request<FindQueueRequest>) -> Result<FindQueueReply, ServiceError> {
        let (caller, deadline) = (Caller::of(&request)?, Deadline::of(&request));
        let query = requests::queue_query(&caller, request.into_inner())?;
        self.use_cases.queue(&caller, &query, deadline).await.map(replies::queue)
    }
}

#[tonic::async_trait]
impl EventsService for EventsGrpc {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.create_event(request).await?)?)
    }

    async fn find_all(&self, request: Request<FindAllRequest>) -> Result<Response<FindAllReply>, Status> {
        Ok(Response::new(self.list_events(request).await?))
    }

    async fn find_days(&self, request: Request<FindDaysRequest>) -> Result<Response<FindDaysReply>, Status> {
        Ok(Response::new(self.list_days(request).await?))
    }

    async fn find_queue(
        &self,
        request: Request<FindQueueRequest>,
    ) -> Result<Response<FindQueueReply>, Status> {
        Ok(Response::new(self.list_queue(request).await?))
    }

    async fn get_queue_summary(
        &self,
        request: Request<GetQueueSummaryRequest>,
    ) -> Result<Response<QueueSummaryReply>, Status> {
        let summary = self.use_cases.queue_summary(&Caller::of(&request)?).await?;
        Ok(Response::new(replies::queue_summary(summary)))
    }

    async fn find_one(&self, request: Request<FindOneRequest>) -> Result<Response<EventMessage>, Status> {
        Ok(Response::new(self.find_event(request).await?))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change_event(request, requests::update).await?)?)
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteReply>, Status> {
        Ok(replies::deletion(&self.change_event(request, requests::delete).await?))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change_event(request, requests::submit).await?)?)
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change_event(request, requests::approve).await?)?)
    }

    async fn reject(&self, request: Request<RejectRequest>) -> Result<Response<EventReply>, Status> {
        Ok(replies::event(&self.change_event(request, requests::reject).await?)?)
    }

    async fn transfer(&self, request: Request<TransferRequest>) -> Result<Response<TransferReply>, Status> {
        Ok(replies::transfer(&self.transfer_events(request).await?)?)
    }

    async fn list_people(
        &self,
        request: Request<ListPeopleRequest>,
    ) -> Result<Response<ListPeopleReply>, Status> {
        let caller = Caller::of(&request)?;
        let ids = requests::person_ids(&request.get_ref().ids).map_err(ServiceError::from)?;
        Ok(Response::new(replies::people(self.use_cases.people(&caller, &ids).await?)))
    }

    async fn get_usage(&self, request: Request<GetUsageRequest>) -> Result<Response<UsageReply>, Status> {
        let usage = self.use_cases.usage(&Caller::of(&request)?).await?;
        Ok(Response::new(replies::usage(usage)))
    }

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<ExportReply>, Status> {
        let caller = Caller::of(&request)?;
        let after = requests::copy_position(&request.get_ref().cursor).map_err(ServiceError::from)?;
        Ok(Response::new(replies::copy(self.use_cases.export(&caller, after).await?)))
    }
}
