//! `/board/forgot-password`: asks for a link with which a new password can be set. What follows is the same for every address.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_proto::auth::ForgetPasswordRequest;

use super::identity_form;
use crate::{
    Board,
    calls::auth_reply,
    error::PageError,
    form::{FormBody, FormView},
    page::{Page, Visitor, redirect, render, render_faults},
};

const SENT_PATH: &str = "/board/forgot-password/sent";

/// The page with the form.
#[derive(Template)]
#[template(path = "pages/forgot_password.html")]
struct ForgotPasswordPage {
    page: Page,
    form: FormView,
}

/// The page after the form.
#[derive(Template)]
#[template(path = "pages/forgot_password_sent.html")]
struct SentPage {
    page: Page,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/forgot-password", get(show).post(send)).route(SENT_PATH, get(sent))
}

async fn show(visitor: Visitor) -> Result<Response, PageError> {
    render(&ForgotPasswordPage { page: visitor.page, form: FormView::empty() })
}

async fn send(visitor: Visitor, FormBody(form): FormBody) -> Result<Response, PageError> {
    let Visitor { board, calls, page, secret: _ } = visitor;
    let message = ForgetPasswordRequest { email: form.text("email") };
    match auth_reply(board.clients().auth().forget_password(calls.request_once(message)).await) {
        Ok(_) => Ok(redirect(SENT_PATH)),
        Err(error) => {
            let form = identity_form::faults(page.texts, &form, error, "email")?;
            render_faults(&ForgotPasswordPage { page, form })
        }
    }
}

async fn sent(visitor: Visitor) -> Result<Response, PageError> {
    render(&SentPage { page: visitor.page })
}
