//! Sheds requests beyond the concurrency limit instead of queuing them.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use eventboard_chassis::{
    error::ServiceError,
    layer::{Inner, Next},
    server::{Admission, AdmissionPermit, Requester},
};

use super::requester::requester;
use crate::problem::Problem;

/// The layer function. The request has a place until the head of the response is ready. The place is also an extension
/// of the request, so that the request can give it back for a while.
pub(crate) async fn admit(admission: Admission, mut request: Request, next: Next<impl Inner>) -> Response {
    let requester = requester(request.extensions());
    match Place::take(admission, requester) {
        Ok(place) => {
            request.extensions_mut().insert(place.clone());
            let response = next.run(request).await;
            drop(place);
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The place of a request among the concurrent requests.
#[derive(Clone)]
pub(crate) struct Place {
    admission: Admission,
    requester: Requester,
    /// `None` while the request has given its place back.
    permit: Arc<Mutex<Option<AdmissionPermit>>>,
}

impl Place {
    fn take(admission: Admission, requester: Requester) -> Result<Self, ServiceError> {
        let permit = admission.admit(requester)?;
        Ok(Self { admission, requester, permit: Arc::new(Mutex::new(Some(permit))) })
    }

    /// Waits for the client without a place, and takes a place again afterwards. Otherwise clients who send slowly
    /// would take all places, although no work is done for them.
    ///
    /// # Errors
    /// `Overloaded` if no place is free afterwards.
    pub(crate) async fn vacate_during<T>(&self, wait: impl Future<Output = T>) -> Result<T, ServiceError> {
        self.set(None);
        let output = wait.await;
        self.set(Some(self.admission.admit(self.requester)?));
        Ok(output)
    }

    fn set(&self, permit: Option<AdmissionPermit>) {
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use axum::{Router, extract::ConnectInfo, routing::get};

    use eventboard_chassis::{
        error::ErrorCode,
        layer::layer_fn,
        server::verify_token,
        token::{TokenConfig, TokenVerifier},
    };
    use http::{Request, StatusCode};
    use tokio::sync::Semaphore;
    use uuid::Uuid;

    use super::*;
    use crate::{
        config::Config,
        middleware::{
            problem::render,
            requester::{Requesters, identify},
        },
        testing::{bearer, env, json, public_operations, send},
    };

    /// A gateway with this limit, whose route `/events` responds when the semaphore has a permit.
    fn router(max_requests: u32, responses: &Arc<Semaphore>) -> Router {
        let config = Config::from_env(&mut env([]));
        let verifier = TokenVerifier::new(&TokenConfig::from_env(&mut env([])));
        let responses = Arc::clone(responses);
        let respond = async move || responses.acquire().await.expect("not closed").forget();
        Router::new()
            .route("/events", get(respond))
            .layer(layer_fn(Admission::new(max_requests), admit))
            .layer(layer_fn(Requesters::new(&config, public_operations(), None), identify))
            .layer(layer_fn(verifier, verify_token))
            .layer(layer_fn(None, render))
    }

    #[tokio::test]
    async fn a_request_over_the_concurrency_limit_is_rejected_at_once() {
        let responses = Arc::new(Semaphore::new(0));
        let router = router(1, &responses);
        let mut admitted = Box::pin(send(&router, Request::get("/events"), ""));
        assert!(futures::poll!(&mut admitted).is_pending());
        let response = send(&router, Request::get("/events"), "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        responses.add_permits(2);
        assert_eq!(admitted.await.status(), StatusCode::OK);
        assert_eq!(send(&router, Request::get("/events"), "").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_requester_with_its_share_is_rejected_while_others_are_admitted() {
        let responses = Arc::new(Semaphore::new(0));
        let router = router(8, &responses);
        let busy = bearer(Uuid::now_v7());
        let from_busy = || send(&router, Request::get("/events").header("authorization", &busy), "");
        let anonymous = || send(&router, Request::get("/events"), "");
        let (mut first, mut second) = (Box::pin(from_busy()), Box::pin(from_busy()));
        let (mut third, mut fourth) = (Box::pin(anonymous()), Box::pin(anonymous()));
        assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        assert!(futures::poll!(&mut third).is_pending() && futures::poll!(&mut fourth).is_pending());

        let rejected = from_busy().await;
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(rejected.headers()["retry-after"], "1");
        let detail = json(rejected).await["detail"].to_string();
        assert!(detail.contains("You have too many requests"), "{detail}");
        let detail = json(anonymous().await).await["detail"].to_string();
        assert!(detail.contains("Your network address has too many requests"), "{detail}");

        responses.add_permits(5);
        let elsewhere = ConnectInfo(SocketAddr::from(([192, 0, 2, 2], 4711)));
        let other =
            Request::get("/events").header("authorization", bearer(Uuid::now_v7())).extension(elsewhere);
        assert_eq!(send(&router, other, "").await.status(), StatusCode::OK);
        for admitted in [first.await, second.await, third.await, fourth.await] {
            assert_eq!(admitted.status(), StatusCode::OK);
        }
    }

    fn anonymous(number: u8) -> Requester {
        Requester::Anonymous(Ipv4Addr::new(192, 0, 2, number).into())
    }

    #[tokio::test]
    async fn a_place_is_free_for_others_while_its_request_waits() {
        let admission = Admission::new(1);
        let place = Place::take(admission.clone(), anonymous(1)).expect("capacity");
        assert!(admission.admit(anonymous(2)).is_err());
        let other = place.vacate_during(async { admission.admit(anonymous(2)).is_ok() }).await;
        assert_eq!(other.ok(), Some(true));
        assert!(admission.admit(anonymous(2)).is_err(), "the request has its place again");
        drop(place);
        assert!(admission.admit(anonymous(2)).is_ok());
    }

    #[tokio::test]
    async fn a_request_that_waited_is_rejected_if_no_place_is_free_afterwards() {
        let admission = Admission::new(1);
        let place = Place::take(admission.clone(), anonymous(1)).expect("capacity");
        // The permit of the other request is still held when the first request needs a place again.
        let error = place
            .vacate_during(async { admission.admit(anonymous(2)) })
            .await
            .err()
            .expect("no place is free");
        assert_eq!(error.code(), ErrorCode::Overloaded);
    }
}
