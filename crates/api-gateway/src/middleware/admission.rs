//! Sheds requests beyond the concurrency limit instead of queuing them.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    layer::{Inner, Next},
    server::Admission,
};

use crate::problem::Problem;

/// The layer function. The permit is held until the head of the response is ready.
pub(crate) async fn admit(admission: Admission, request: Request, next: Next<impl Inner>) -> Response {
    match admission.admit() {
        Ok(_permit) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use eventboard_chassis::layer::layer_fn;
    use http::{Request, StatusCode};

    use super::*;
    use crate::testing::send;

    #[tokio::test]
    async fn a_request_over_the_concurrency_limit_is_rejected_at_once() {
        let admission = Admission::new(1);
        let router = Router::new().route("/", get(|| async {})).layer(layer_fn(admission.clone(), admit));
        let permit = admission.admit().expect("capacity");
        let response = send(&router, Request::get("/"), "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        drop(permit);
        assert_eq!(send(&router, Request::get("/"), "").await.status(), StatusCode::OK);
    }
}
