//! `/board/verify-email`: proves with the link of a mail that an address is the user's. Only the button uses the link up, because
//! programs that check mails open links, too.

use std::sync::Arc;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::ServiceError;
use eventboard_proto::auth::VerifyEmailRequest;

use super::{home::SIGNED_IN_PATH, identity_form::is_link_spent, notice::Notice};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{FormBody, QueryFields},
    page::{Page, Visitor, redirect_with_banner, render, render_faults},
    session::BrowserSession,
};

/// The page with the button.
#[derive(Template)]
#[template(path = "pages/verify_email.html")]
struct VerifyEmailPage {
    page: Page,
    token: String,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/verify-email", get(show).post(verify))
}

async fn show(visitor: Visitor, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let page = Page::new(visitor.session().await?, visitor.page.banner);
    match query.text("token") {
        token if token.is_empty() => spent(page),
        token => render(&VerifyEmailPage { page, token }),
    }
}

async fn verify(visitor: Visitor, FormBody(form): FormBody) -> Result<Response, PageError> {
    let message = VerifyEmailRequest { token: form.text("token") };
    let request = visitor.calls.request_once(message);
    let reply = auth_reply(visitor.board.clients().auth().verify_email(request).await);
    // The address is verified, whether the session can be told or not.
    let session = session_now(&visitor).await.unwrap_or_default();
    match reply {
        Ok(_) => {
            let path = if session.is_some() { SIGNED_IN_PATH } else { "/board/sign-in" };
            Ok(redirect_with_banner(&visitor.board, path, Banner::EmailVerified))
        }
        Err(error) if is_link_spent(&error) => spent(Page::new(session, None)),
        Err(error) => Err(error.into()),
    }
}

/// The session with what is true of its user now.
async fn session_now(visitor: &Visitor) -> Result<Option<Arc<BrowserSession>>, ServiceError> {
    if let Some(secret) = &visitor.secret {
        visitor.board.sessions().forget(secret).await;
    }
    visitor.session().await
}

/// The page for a link that does not work. The second click of a double click leads here, too.
fn spent(page: Page) -> Result<Response, PageError> {
    let (heading, texts) = (page.texts.auth.link_spent, &page.texts.auth);
    let verified = page.viewer().filter(|viewer| viewer.has_verified_email);
    let (help, path, label) = match verified {
        Some(viewer) => {
            let help = (texts.verify_link_spent_verified)(&viewer.email);
            (help, SIGNED_IN_PATH, page.texts.errors.to_events)
        }
        None => (texts.verify_link_spent.to_owned(), "/board/account", texts.to_account),
    };
    render_faults(&Notice { page, heading, help, path, label, or_sign_in: false })
}
