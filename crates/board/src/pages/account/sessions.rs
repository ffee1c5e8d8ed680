//! Where the viewer is signed in.

use axum::{Router, extract::Path, response::Response, routing::get};
use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_proto::auth::{
    ListSessionsReply, RevokeOtherSessionsRequest, RevokeSessionRequest, UserSession,
};

use super::{ACCOUNT_PATH, client, done, to_account};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    dates,
    error::PageError,
    form::FormBody,
    page::{SignedIn, redirect},
    texts::Texts,
};

/// A session as the page shows it.
pub(super) struct Session {
    pub(super) id: String,
    /// What the client of the last use is called.
    pub(super) client: String,
    /// The block of the address of the last use.
    pub(super) address: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_used_at: DateTime<Utc>,
    /// Whether it is the one in which the page is shown.
    pub(super) is_current: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new()
        .route("/board/account/sessions/end-others", get(to_account).post(end_others))
        .route("/board/account/sessions/{id}/end", get(to_account).post(end))
}

/// The sessions of a reply. The one in which the page is shown comes first.
pub(super) fn list(texts: &Texts, reply: ListSessionsReply) -> Result<Vec<Session>, ServiceError> {
    let ListSessionsReply { sessions } = reply;
    let sessions = sessions.into_iter().map(|session| shown(texts, session));
    let mut sessions = sessions.collect::<Result<Vec<_>, _>>()?;
    sessions.sort_by_key(|session| !session.is_current);
    Ok(sessions)
}

fn shown(texts: &Texts, session: UserSession) -> Result<Session, ServiceError> {
    let UserSession { id, created_at, last_used_at, client, address, current } = session;
    Ok(Session {
        id,
        client: client::describe(&texts.account, client.as_deref()),
        address,
        created_at: dates::required(created_at, Backend::Auth, "created_at")?,
        last_used_at: dates::required(last_used_at, Backend::Auth, "last_used_at")?,
        is_current: current,
    })
}

async fn end(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return Ok(redirect(ACCOUNT_PATH));
    }
    let request = signed_in.calls.request(RevokeSessionRequest { id });
    auth_reply(signed_in.board.clients().auth().revoke_session(request).await)?;
    Ok(done(&signed_in, Banner::SessionEnded).await)
}

async fn end_others(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return Ok(redirect(ACCOUNT_PATH));
    }
    let request = signed_in.calls.request(RevokeOtherSessionsRequest {});
    auth_reply(signed_in.board.clients().auth().revoke_other_sessions(request).await)?;
    Ok(done(&signed_in, Banner::OtherSessionsEnded).await)
}
