//! Who sends a request, for the layers that limit what one client may take.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{extract::Request, response::Response};
use board::Board;
use eventboard_chassis::{
    layer::{Inner, Next},
    server::Requester,
    token::VerifiedToken,
};
use http::Extensions;

use super::client_ip::ClientAddresses;
use crate::{config::Config, openapi::PublicOperations};

/// Where operations with a token count for the address nevertheless, because passwords are guessed and mails are sent with them.
const COUNTED_FOR_ADDRESS: [&str; 3] = ["/auth/password", "/auth/email", "/auth/me/delete"];

/// Determines who sends a request.
#[derive(Clone)]
pub(crate) struct Requesters {
    public_operations: Arc<PublicOperations>,
    addresses: ClientAddresses,
    board: Option<Board>,
}

impl Requesters {
    pub(crate) fn new(config: &Config, public_operations: PublicOperations, board: Option<Board>) -> Self {
        let addresses = ClientAddresses::new(config);
        Self { public_operations: Arc::new(public_operations), addresses, board }
    }

    /// The user of the verified token, or else anybody from the client's address. An unverified token could contain any
    /// user id. Operations that ignore the token count for the address even with a token: otherwise a client with a token
    /// could guess more passwords and create more users. So do those below [`COUNTED_FOR_ADDRESS`].
    ///
    /// On the board, the session identifies the user. A token means nothing there.
    ///
    /// Any other request that no operation serves (404, 405) counts for its user. It costs nearly nothing, and it should not
    /// use up the logins of all who share the address.
    fn of(&self, request: &Request) -> Requester {
        let address = self.addresses.block_of(request);
        let (method, path) = (request.method(), request.uri().path());
        let counts_for_address = COUNTED_FOR_ADDRESS.iter().any(|base| board::is_below(path, base))
            || self.public_operations.contains(method, path);
        if board::serves(path) {
            return match &self.board {
                Some(board) => board.requester(request, address),
                None => Requester::Anonymous(address),
            };
        }
        match request.extensions().get::<VerifiedToken>() {
            Some(token) if !counts_for_address => Requester::member(token, Some(address)),
            _ => Requester::Anonymous(address),
        }
    }
}

/// The layer function: adds the [`Requester`] to the request as an extension.
pub(crate) async fn identify(
    requesters: Requesters,
    mut request: Request,
    next: Next<impl Inner>,
) -> Response {
    let requester = requesters.of(&request);
    request.extensions_mut().insert(requester);
    next.run(request).await
}

/// Returns the requester that [`identify`] has added.
pub(crate) fn requester(extensions: &Extensions) -> Requester {
    let unknown = Requester::Anonymous(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    extensions.get().copied().unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{body::Body, extract::ConnectInfo};
    use eventboard_chassis::{
        fairness::Client,
        token::{TokenConfig, TokenVerifier},
    };
    use uuid::Uuid;

    use super::*;
    use crate::testing::{bearer, env, public_operations};

    /// The requester of a request with this token from 192.0.2.1.
    fn requester_of(method: &str, path: &str, authorization: &str) -> Requester {
        let config = Config::from_env(&mut env([]));
        let verifier = TokenVerifier::new(&TokenConfig::from_env(&mut env([])));
        let request = Request::builder().method(method).uri(path).header("authorization", authorization);
        let request = request.extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        let mut request = request.body(Body::empty()).expect("a request");
        if let Some(token) = verifier.verify(request.headers()) {
            request.extensions_mut().insert(token);
        }
        Requesters::new(&config, public_operations(), None).of(&request)
    }

    #[test]
    fn only_a_verified_token_identifies_a_user() {
        let user = Uuid::now_v7();
        let member = requester_of("GET", "/events", &bearer(user));
        assert!(matches!(member, Requester::Member { user_id, .. } if user_id == user), "{member:?}");
        assert_eq!(member.sender(), Client::Address([192, 0, 2, 1].into()));
        let forged = requester_of("GET", "/events", "Bearer a.b.c");
        assert!(matches!(forged, Requester::Anonymous(_)), "{forged:?}");
    }

    #[test]
    fn operations_that_ignore_the_token_or_check_a_password_count_for_the_address() {
        let token = bearer(Uuid::now_v7());
        for (method, path) in [
            ("POST", "/auth/login"),
            ("POST", "/auth/signup"),
            ("POST", "/auth/password"),
            ("POST", "/auth/email"),
            ("DELETE", "/auth/email"),
            ("POST", "/auth/me/delete"),
            ("POST", "/auth/email/verify/resend"),
            ("GET", "/api"),
            ("GET", "/api/"),
            ("HEAD", "/api/openapi.json"),
            ("GET", "/api/swagger-ui-bundle.js"),
        ] {
            let requester = requester_of(method, path, &token);
            assert!(matches!(requester, Requester::Anonymous(_)), "{method} {path}: {requester:?}");
        }
    }
}
