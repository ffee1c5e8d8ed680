//! `/board/reset-password`: a new password with the link of a mail. Only sending the form uses the link up.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_proto::auth::ResetPasswordRequest;

use super::{
    identity_form::{self, is_link_spent},
    notice::Notice,
};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormBody, FormView, QueryFields},
    page::{Page, Visitor, redirect_with_banner, render, render_faults},
};

/// The page with the form.
#[derive(Template)]
#[template(path = "pages/reset_password.html")]
struct ResetPasswordPage {
    page: Page,
    form: FormView,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/reset-password", get(show).post(reset))
}

async fn show(visitor: Visitor, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let token = query.text("token");
    match token.is_empty() {
        true => spent(visitor.page),
        false => form_page(visitor.page, Form::filled([("token", token)])),
    }
}

async fn reset(visitor: Visitor, FormBody(form): FormBody) -> Result<Response, PageError> {
    let Visitor { board, calls, page, secret } = visitor;
    if form.is_to_be_shown() {
        return form_page(page, (*form).clone());
    }
    let message = ResetPasswordRequest { token: form.text("token"), new_password: form.text("newPassword") };
    match auth_reply(board.clients().auth().reset_password(calls.request_once(message)).await) {
        Ok(_) => {
            // All sessions of the user have ended.
            if let Some(secret) = secret {
                board.sessions().forget_ended(&secret).await;
            }
            Ok(redirect_with_banner(&board, "/board/sign-in", Banner::PasswordReset))
        }
        Err(error) if is_link_spent(&error) => spent(page),
        Err(error) => {
            let form = identity_form::faults(page.texts, &form, error, "newPassword")?;
            render_faults(&ResetPasswordPage { page, form })
        }
    }
}

fn form_page(page: Page, form: Form) -> Result<Response, PageError> {
    render(&ResetPasswordPage { page, form: FormView::of(form) })
}

/// The page for a link that does not work.
fn spent(page: Page) -> Result<Response, PageError> {
    let texts = &page.texts.auth;
    let (heading, help, label) =
        (texts.link_spent, texts.reset_link_spent.to_owned(), texts.send_another_link);
    render_faults(&Notice { page, heading, help, path: "/board/forgot-password", label, or_sign_in: true })
}
