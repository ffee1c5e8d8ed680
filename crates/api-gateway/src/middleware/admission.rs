//! Sheds what is more than the gateway can hold at once, instead of letting it queue.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    layer::{Inner, Next},
    server::Admission,
};

use crate::problem::Problem;

/// The layer. The place is held until the answer's head is made.
pub(crate) async fn admit(admission: Admission, request: Request, next: Next<impl Inner>) -> Response {
    match admission.admit() {
        Ok(_place) => next.run(request).await,
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
    async fn what_finds_no_room_is_refused_at_once() {
        let admission = Admission::new(1);
        let router = Router::new().route("/", get(|| async {})).layer(layer_fn(admission.clone(), admit));
        let place = admission.admit().expect("there is room");
        let response = send(&router, Request::get("/"), "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        drop(place);
        assert_eq!(send(&router, Request::get("/"), "").await.status(), StatusCode::OK);
    }
}
