//! Completes the OpenAPI description of an operation from its handler's signature and its policy.
//!
//! `#[utoipa::path]` on a handler declares the method, path, summary and responses. The types of the handler's
//! arguments describe the input (body, parameters, headers, caller) and the error responses that invalid input
//! causes. So the document always matches what the handler reads.

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
    headers::{self, COMMON, RATE_LIMITED},
    parameters::{correlation_id, optional_parameter, request_id},
    problems::{
        HeadersTooLarge, Internal, ProblemResponse, Timeout, TooManyRequests, Unavailable, UriTooLong,
    },
    schemas,
};
use crate::policy::OperationPolicy;

/// The extension that says who may call an operation.
const ACCESS: &str = "x-access";

/// The description of an operation while it is built.
pub(crate) struct OperationDescription {
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// An argument of a handler that contributes to the description of its operation.
pub(crate) trait OperationPart {
    /// Adds the argument's part to the description.
    fn describe(description: &mut OperationDescription);
}

impl<S> OperationPart for State<S> {
    fn describe(_: &mut OperationDescription) {}
}

/// A handler, which is a function with three arguments: the state, the caller and the input.
pub(crate) trait DescribedHandler<Arguments> {
    /// Adds the parts of all arguments to the description.
    fn describe(description: &mut OperationDescription);
}

impl<F, Output, S, C, I> DescribedHandler<(S, C, I)> for F
where
    F: Fn(S, C, I) -> Output,
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
    /// Starts from the description that `#[utoipa::path]` declares.
    pub(crate) fn new(operation: &Operation) -> Self {
        let mut description = Self { operation: operation.clone(), schemas: Vec::new() };
        description.add_parameter(correlation_id());
        description.add_parameter(request_id());
        description
    }

    /// Declares that the operation requires a bearer token.
    pub(crate) fn require_bearer(&mut self) {
        let requirement = SecurityRequirement::new(BEARER, [] as [&str; 0]);
        self.operation.security.get_or_insert_default().push(requirement);
    }

    /// Adds a parameter.
    pub(crate) fn add_parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(parameter.into());
    }

    /// Adds a query parameter.
    pub(crate) fn add_query_parameter(
        &mut self,
        name: &str,
        about: &str,
        schema: RefOr<Schema>,
        is_required: bool,
    ) {
        let mut parameter = optional_parameter(ParameterIn::Query, name, about, schema);
        if is_required {
            parameter.required = Required::True;
        }
        self.add_parameter(parameter);
    }

    /// Adds a JSON request body.
    pub(crate) fn add_json_body(&mut self, name: &str, schema: Object) {
        let body = RequestBodyBuilder::new()
            .description(Some("At most 64 KiB."))
            .content("application/json", Content::new(Some(schemas::component(name))))
            .required(Some(Required::True));
        self.operation.request_body = Some(body.build().into());
        self.schemas.push((name.to_owned(), schema.into()));
    }

    /// Says that the body may be left out.
    pub(crate) fn make_body_optional(&mut self) {
        if let Some(RefOr::T(body)) = &mut self.operation.request_body {
            body.required = Some(Required::False);
        }
    }

    /// Says that a token is accepted, but not needed.
    pub(crate) fn accept_bearer(&mut self) {
        self.require_bearer();
        self.operation.security.get_or_insert_default().push(SecurityRequirement::default());
    }

    /// Adds this problem to the responses.
    pub(crate) fn add_problem<P: ProblemResponse>(&mut self) {
        let reference = Ref::from_response_name(P::NAME).into();
        self.operation.responses.responses.entry(P::status().as_str().to_owned()).or_insert(reference);
    }

    /// Completes the description of a rate-limited operation that has a policy. Also returns the schemas that the
    /// operation uses.
    pub(crate) fn with_policy(
        mut self,
        policy: OperationPolicy,
    ) -> (Operation, Vec<(String, RefOr<Schema>)>) {
        self.add_problem::<Timeout>();
        self.describe_access_and_policy(policy);
        let schemas = std::mem::take(&mut self.schemas);
        (self.with_rate_limit(), schemas)
    }

    /// Completes the description of a rate-limited operation that calls no service.
    pub(crate) fn with_rate_limit(mut self) -> Operation {
        self.add_problem::<UriTooLong>();
        self.add_problem::<TooManyRequests>();
        self.add_problem::<HeadersTooLarge>();
        self.add_problem::<Internal>();
        self.add_problem::<Unavailable>();
        self.add_headers(RATE_LIMITED);
        self.operation
    }

    /// Completes the description of an operation that is neither rate-limited nor shed.
    pub(crate) fn without_limits(mut self) -> Operation {
        self.add_headers(COMMON);
        self.operation
    }

    fn describe_access_and_policy(&mut self, policy: OperationPolicy) {
        let text = self.operation.description.take().map(|text| format!("{}\n\n", text.trim()));
        let extensions = self.operation.extensions.as_ref();
        let access = extensions.and_then(|extensions| extensions.get(ACCESS)?.as_str());
        let access = access.map(|access| format!("Access: {access}.\n\n"));
        let OperationPolicy { deadline, attempts, retry_on: _, env_prefix } = policy;
        self.operation.description = Some(format!(
            "{}{}Deadline: {} s (`{env_prefix}_DEADLINE`). \
             Maximum attempts: {attempts} (`{env_prefix}_ATTEMPTS`).",
            text.unwrap_or_default(),
            access.unwrap_or_default(),
            deadline.as_secs_f64(),
        ));
    }

    /// Adds these headers to all responses, as references to components. Headers that `#[utoipa::path]` declares only
    /// by their names also become such references.
    fn add_headers(&mut self, common: &[&str]) {
        for response in self.operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            let names: Vec<_> = response.headers.keys().cloned().collect();
            for name in common.iter().copied().chain(names.iter().map(String::as_str)) {
                response.headers.insert(name.to_owned(), headers::reference(name));
            }
        }
    }
}
