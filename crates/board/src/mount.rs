//! What the gateway mounts.

use std::net::IpAddr;

use axum::{
    Router,
    extract::{FromRequestParts, Request},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use eventboard_chassis::server::Requester;
use http::{HeaderValue, Method, request::Parts};

use crate::{Board, assets, cookie, page::SignedIn, pages, security_headers};

impl Board {
    /// The pages, without the layers of the gateway. Requests need an extension with the
    /// [`CallPolicy`](eventboard_client::CallPolicy) and one with the [`Requester`].
    pub fn pages(&self) -> Router {
        pages::routes()
            .layer(from_fn_with_state(self.clone(), security_headers::add))
            .with_state(self.clone())
    }

    /// The files that pages load. Their content never changes, because a changed file has another path.
    pub fn assets() -> Router {
        assets::routes()
    }

    /// Who sends a request to the board: the user of a session that this process knows, or else anybody from the address block.
    /// The session may have ended since. Forms with which passwords are guessed and mails are sent count for the address, whatever
    /// session comes along.
    pub fn requester(&self, request: &Request, address_block: IpAddr) -> Requester {
        let secret = match counts_for_address(request) {
            true => None,
            false => cookie::session_secret(self, request.headers()),
        };
        match secret.and_then(|secret| self.sessions().known_member(&secret)) {
            Some(member) => member.requester(address_block),
            None => Requester::Anonymous(address_block),
        }
    }

    /// `Bearer` and the access token of the session in the cookie.
    ///
    /// # Errors
    /// The response without a page, if the session has ended or cannot be exchanged.
    pub async fn authorization(&self, parts: &mut Parts) -> Result<HeaderValue, Response> {
        let session = SignedIn::from_request_parts(parts, self).await;
        session.map(|session| session.session.authorization.clone()).map_err(IntoResponse::into_response)
    }
}

/// Whether a request is a form with which passwords are guessed, accounts are made or mails are sent. Such forms count for the client's
/// address, and with those of the API.
pub fn counts_for_address(request: &Request) -> bool {
    request.method() == Method::POST && pages::counts_for_address(request.uri().path())
}
