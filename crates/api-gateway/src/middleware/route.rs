//! Passes the matched route to the layers around the router, which see a request before it is routed.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use eventboard_chassis::layer::{Inner, Next};

/// The matched route of one request. It is empty until the request is routed.
#[derive(Clone, Default)]
pub(crate) struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    /// Gets or adds the slot for the matched route in the request extensions.
    pub(crate) fn for_request(request: &mut Request) -> Self {
        request.extensions_mut().get_or_insert_default::<Self>().clone()
    }

    /// The path template of the route. `None` if no route matches, or if the request is not routed yet.
    pub(crate) fn template(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// The layer function, inside the router: records the matched path.
pub(crate) async fn record_matched_path((): (), request: Request, next: Next<impl Inner>) -> Response {
    let extensions = request.extensions();
    if let (Some(Route(route)), Some(path)) = (extensions.get::<Route>(), extensions.get::<MatchedPath>()) {
        // A request has only one route. If there were ever a second one, the first would be kept.
        let _ = route.set(path.clone());
    }
    next.run(request).await
}
