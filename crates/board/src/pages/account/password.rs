//! The password.

use axum::{Router, response::Response, routing::get};
use eventboard_proto::auth::{ChangePasswordReply, ChangePasswordRequest};
use http::header;
use secrecy::SecretString;

use super::{Part, done, show_again, show_faults, to_account};
use crate::{
    Board, banner::Banner, calls::auth_reply, cookie, error::PageError, form::FormBody, page::SignedIn,
};

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/account/password", get(to_account).post(change))
}

async fn change(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return show_again(signed_in, Part::Password, &form).await;
    }
    let message = ChangePasswordRequest {
        current_password: form.text("currentPassword"),
        new_password: form.text("newPassword"),
    };
    let request = signed_in.calls.request_once(message);
    match auth_reply(signed_in.board.clients().auth().change_password(request).await) {
        Ok(reply) => Ok(changed(&signed_in, reply).await),
        Err(error) => show_faults(signed_in, Part::Password, &form, error).await,
    }
}

/// The session goes on with a new secret. The former one is of no use to whoever has it.
async fn changed(signed_in: &SignedIn, reply: ChangePasswordReply) -> Response {
    let ChangePasswordReply { browser_secret } = reply;
    let mut response = done(signed_in, Banner::PasswordChanged).await;
    let cookie = cookie::keep_session(&signed_in.board, &SecretString::from(browser_secret));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
