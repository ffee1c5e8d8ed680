//! Verifies the bearer token when there is one.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use eventboard_chassis::token::TokenVerifier;

/// The layer. It refuses nobody: the rate limit has a say first, and some routes need no token.
pub(crate) async fn verify(
    State(verifier): State<TokenVerifier>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(token) = verifier.verify(request.headers()) {
        request.extensions_mut().insert(token);
    }
    next.run(request).await
}
