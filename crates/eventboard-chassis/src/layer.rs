//! Tower layers made from async functions.
//!
//! Like axum's `from_fn`, but the type of the inner service is known at compile time. So a layer does not box its
//! future for each request, and the inner layers are not copied to the heap. Only an inner router boxes its future.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::{FutureExt, future::Map};
use tower::{Layer, Service};

use crate::error::ServiceError;

/// Creates a layer that responds with `function(state, request, next)`.
pub fn layer_fn<T, F>(state: T, function: F) -> FnLayer<T, F> {
    FnLayer { state, function }
}

/// See [`layer_fn`].
#[derive(Debug, Clone)]
pub struct FnLayer<T, F> {
    state: T,
    function: F,
}

impl<S, T: Clone, F: Clone> Layer<S> for FnLayer<T, F> {
    type Service = FnService<S, T, F>;

    fn layer(&self, inner: S) -> Self::Service {
        FnService { inner, layer: self.clone() }
    }
}

/// A service wrapped by a [`FnLayer`].
#[derive(Debug, Clone)]
pub struct FnService<S, T, F> {
    inner: S,
    layer: FnLayer<T, F>,
}

impl<S, T, F, R> Service<Request> for FnService<S, T, F>
where
    S: Clone,
    T: Clone,
    F: FnMut(T, Request, Next<S>) -> R,
    R: Future<Output = Response>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Map<R, fn(Response) -> Result<Response, Infallible>>;

    /// Always ready: under overload, the services of this project reject requests instead of delaying them.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let next = Next(self.inner.clone());
        (self.layer.function)(self.layer.state.clone(), request, next).map(Ok)
    }
}

/// The inner service of a layer.
#[derive(Debug)]
pub struct Next<S>(S);

/// A service that a [`FnLayer`] can wrap.
pub trait Inner: Service<Request, Error = Infallible, Response: IntoResponse> {}

impl<S: Service<Request, Error = Infallible, Response: IntoResponse>> Inner for S {}

impl<S: Inner> Next<S> {
    /// Calls the inner service.
    pub fn run(mut self, request: Request) -> impl Future<Output = Response> + use<S> {
        self.0.call(request).map(|result| result.unwrap_or_else(|never| match never {}).into_response())
    }

    /// Like [`Next::run`], but catches panics, so that a panic fails one request and does not break the connection.
    ///
    /// # Errors
    /// Returns the panic as an internal error.
    pub async fn catch_panic(self, request: Request) -> Result<Response, ServiceError> {
        let result = AssertUnwindSafe(async { self.run(request).await }).catch_unwind().await;
        result.map_err(|panic| ServiceError::from_panic(&*panic))
    }
}
