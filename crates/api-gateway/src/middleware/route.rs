//! Which route a request belongs to, for the layers around the routes: they see a request before it has one.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use eventboard_chassis::layer::{Inner, Next};

/// The route of one request, once it is found.
#[derive(Clone, Default)]
pub(crate) struct Route(Arc<OnceLock<MatchedPath>>);

impl Route {
    /// Begins to look out for the route of a request.
    pub(crate) fn of(request: &mut Request) -> Self {
        request.extensions_mut().get_or_insert_default::<Self>().clone()
    }

    /// The template of its path; `None` where no route has the path, or none was looked for yet.
    pub(crate) fn template(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// The layer on the routes, which tells those around them.
pub(crate) async fn tell((): (), request: Request, next: Next<impl Inner>) -> Response {
    let extensions = request.extensions();
    if let (Some(Route(route)), Some(path)) = (extensions.get::<Route>(), extensions.get::<MatchedPath>()) {
        // A second route would be an error of the router's; the first one stays.
        let _ = route.set(path.clone());
    }
    next.run(request).await
}
