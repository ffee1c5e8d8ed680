//! Tower layers made of async functions.
//!
//! As axum's `from_fn`, but what is within is known by its type: no box for each layer of each request, and no copy of all
//! inner layers on the heap. Where a router is within, the router is the only box.

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

/// A layer that answers with `function(state, request, next)`.
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

/// A service within a layer of an async function.
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

    /// The services of this project are always ready: they shed what is too much.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let next = Next(self.inner.clone());
        (self.layer.function)(self.layer.state.clone(), request, next).map(Ok)
    }
}

/// What is within a layer.
#[derive(Debug)]
pub struct Next<S>(S);

/// What a layer can stand around.
pub trait Inner: Service<Request, Error = Infallible, Response: IntoResponse> {}

impl<S: Service<Request, Error = Infallible, Response: IntoResponse>> Inner for S {}

impl<S: Inner> Next<S> {
    /// The answer of what is within.
    pub fn run(mut self, request: Request) -> impl Future<Output = Response> + use<S> {
        self.0.call(request).map(|answer| answer.unwrap_or_else(|never| match never {}).into_response())
    }

    /// As [`Next::run`], but a panic anywhere within is one failed request and not a broken connection.
    ///
    /// # Errors
    /// The panic, as an internal error.
    pub async fn catch_panic(self, request: Request) -> Result<Response, ServiceError> {
        let answer = AssertUnwindSafe(async { self.run(request).await }).catch_unwind().await;
        answer.map_err(|panic| ServiceError::from_panic(&*panic))
    }
}
