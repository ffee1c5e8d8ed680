//! The description of one operation, completed by what its handler's signature and its policy tell.
//!
//! `#[utoipa::path]` on a handler states what is its own: method, path, summary, answers. What a handler reads (body,
//! parameters, headers, who calls) is described by the types of its arguments, because those are what is really read; the
//! problems that follow from reading them come along.

use axum::extract::State;
use utoipa::openapi::{
    Content, Ref, RefOr, Required, Schema,
    path::{Operation, Parameter, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::Object,
    security::SecurityRequirement,
};

use super::{
    BEARER,
    headers::{self, EVERYWHERE, LIMITED},
    parameters::{correlation_id, optional_parameter},
    problems::{Internal, ProblemResponse, Timeout, TooManyRequests, Unavailable},
    schemas,
};
use crate::policy::Policy;

/// The extension that says who may call an operation.
const WHO: &str = "x-who";

/// The description of an operation while it is put together.
pub(crate) struct OperationDescription {
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// An argument of a handler, and what it tells of the operation.
pub(crate) trait OperationPart {
    /// Adds what it tells.
    fn describe(description: &mut OperationDescription);
}

impl<S> OperationPart for State<S> {
    fn describe(_: &mut OperationDescription) {}
}

/// A handler: a function whose three arguments are the state, the caller and the input.
pub(crate) trait DescribedHandler<Arguments> {
    /// Adds what the arguments tell.
    fn describe(description: &mut OperationDescription);
}

impl<F, Answer, S, C, I> DescribedHandler<(S, C, I)> for F
where
    F: Fn(S, C, I) -> Answer,
    S: OperationPart,
    C: OperationPart,
    I: OperationPart,
{
    fn describe(description: &mut OperationDescription) {
        S::describe(description);
        C::describe(description);
        I::describe(description);
    }
}

impl OperationDescription {
    /// The operation as far as `#[utoipa::path]` on its handler states it.
    pub(crate) fn begin(operation: &Operation) -> Self {
        let mut description = Self { operation: operation.clone(), schemas: Vec::new() };
        description.parameter(correlation_id());
        description
    }

    /// The operation wants a verified caller.
    pub(crate) fn requires_bearer(&mut self) {
        let requirement = SecurityRequirement::new(BEARER, [] as [&str; 0]);
        self.operation.security.get_or_insert_default().push(requirement);
    }

    /// The operation reads a parameter.
    pub(crate) fn parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(parameter.into());
    }

    /// The operation reads a parameter of its query.
    pub(crate) fn query_parameter(&mut self, name: &str, about: &str, schema: RefOr<Schema>) {
        self.parameter(optional_parameter(ParameterIn::Query, name, about, schema));
    }

    /// The operation reads a JSON body.
    pub(crate) fn json_body(&mut self, name: &str, schema: Object) {
        let body = RequestBodyBuilder::new()
            .description(Some("At most 64 KiB."))
            .content("application/json", Content::new(Some(schemas::component(name))))
            .required(Some(Required::True));
        self.operation.request_body = Some(body.build().into());
        self.schemas.push((name.to_owned(), schema.into()));
    }

    /// The operation may answer with this problem.
    pub(crate) fn problem<P: ProblemResponse>(&mut self) {
        let reference = Ref::from_response_name(P::NAME).into();
        self.operation.responses.responses.entry(P::status().as_str().to_owned()).or_insert(reference);
    }

    /// The whole description of an operation that is limited and has a deadline, with the schemas that it uses.
    pub(crate) fn with_policy(mut self, policy: Policy) -> (Operation, Vec<(String, RefOr<Schema>)>) {
        self.problem::<Timeout>();
        self.add_callers_and_time(policy);
        let schemas = std::mem::take(&mut self.schemas);
        (self.limited(), schemas)
    }

    /// The whole description of an operation that is limited and calls no service.
    pub(crate) fn limited(mut self) -> Operation {
        self.problem::<TooManyRequests>();
        self.problem::<Internal>();
        self.problem::<Unavailable>();
        self.refer_to_headers(LIMITED);
        self.operation
    }

    /// The whole description of an operation that is neither limited nor shed.
    pub(crate) fn always_answered(mut self) -> Operation {
        self.refer_to_headers(EVERYWHERE);
        self.operation
    }

    fn add_callers_and_time(&mut self, policy: Policy) {
        let own = self.operation.description.take().map(|own| format!("{}\n\n", own.trim()));
        let who = self.operation.extensions.as_ref().and_then(|extensions| extensions.get(WHO)?.as_str());
        let who = who.map(|who| format!("Who: {who}.\n\n"));
        let Policy { deadline, attempts, retry_on: _, variables } = policy;
        self.operation.description = Some(format!(
            "{}{}Time: {}s (`{variables}_DEADLINE`). Attempts: {attempts} (`{variables}_ATTEMPTS`).",
            own.unwrap_or_default(),
            who.unwrap_or_default(),
            deadline.as_secs_f64(),
        ));
    }

    /// `#[utoipa::path]` names the headers of an answer; their descriptions are components.
    fn refer_to_headers(&mut self, always: &[&str]) {
        for response in self.operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            let names: Vec<_> = response.headers.keys().cloned().collect();
            for name in always.iter().copied().chain(names.iter().map(String::as_str)) {
                response.headers.insert(name.to_owned(), headers::reference(name));
            }
        }
    }
}
