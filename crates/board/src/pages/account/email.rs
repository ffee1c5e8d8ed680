//! The address: its verification, and its change.

use axum::{Router, response::Response, routing::get};
use eventboard_proto::auth::{ChangeEmailRequest, ResendVerificationRequest, WithdrawEmailChangeRequest};

use super::{Part, done, show_again, show_faults, to_account};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::FormBody,
    page::{SignedIn, redirect},
};

pub(super) fn routes() -> Router<Board> {
    Router::new()
        .route("/board/account/email", get(to_account).post(change))
        .route("/board/account/email/withdraw", get(to_account).post(withdraw))
        .route("/board/account/resend-verification", get(to_account).post(resend_verification))
}

async fn change(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return show_again(signed_in, Part::Email, &form).await;
    }
    let message = ChangeEmailRequest { new_email: form.text("newEmail"), password: form.text("password") };
    let request = signed_in.calls.request_once(message);
    match auth_reply(signed_in.board.clients().auth().change_email(request).await) {
        Ok(_) => Ok(done(&signed_in, Banner::EmailChangeAsked).await),
        Err(error) => show_faults(signed_in, Part::Email, &form, error).await,
    }
}

async fn withdraw(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return Ok(redirect(super::ACCOUNT_PATH));
    }
    let request = signed_in.calls.request(WithdrawEmailChangeRequest {});
    auth_reply(signed_in.board.clients().auth().withdraw_email_change(request).await)?;
    Ok(done(&signed_in, Banner::EmailChangeWithdrawn).await)
}

async fn resend_verification(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return Ok(redirect(super::ACCOUNT_PATH));
    }
    let request = signed_in.calls.request_once(ResendVerificationRequest {});
    auth_reply(signed_in.board.clients().auth().resend_verification(request).await)?;
    Ok(done(&signed_in, Banner::LinkSent).await)
}
