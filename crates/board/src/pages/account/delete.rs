//! `/board/account/delete`: the end of the account.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::DeleteMeRequest;
use http::header;

use crate::{
    Board, PATH,
    banner::Banner,
    calls::auth_reply,
    cookie,
    error::PageError,
    form::{FormBody, FormView},
    page::{Page, Section, SignedIn, redirect_with_banner, render, render_faults},
    pages::identity_form,
};

/// The page that asks once more.
#[derive(Template)]
#[template(path = "pages/account/delete.html")]
struct DeletePage {
    page: Page,
    form: FormView,
    /// Whether nobody could lead the organization afterwards.
    is_last_admin: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/account/delete", get(show).post(delete))
}

async fn show(signed_in: SignedIn) -> Result<Response, PageError> {
    render(&delete_page(signed_in.page, FormView::empty()))
}

async fn delete(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret } = signed_in;
    if form.is_to_be_shown() {
        return render(&delete_page(page, FormView::empty()));
    }
    let request = calls.request_once(DeleteMeRequest { password: form.text("password") });
    if let Err(error) = auth_reply(board.clients().auth().delete_me(request).await) {
        let is_last_admin = error.code() == ErrorCode::LastAdmin;
        let form = match is_last_admin {
            true => FormView::empty(),
            false => identity_form::faults(page.texts, &form, error, "password")?,
        };
        return render_faults(&DeletePage { is_last_admin, ..delete_page(page, form) });
    }
    board.sessions().forget_ended(&secret).await;
    let mut response = redirect_with_banner(&board, PATH, Banner::AccountDeleted);
    response.headers_mut().append(header::SET_COOKIE, cookie::forget_session(&board));
    Ok(response)
}

fn delete_page(page: Page, form: FormView) -> DeletePage {
    DeletePage { page: page.in_section(Section::Account), form, is_last_admin: false }
}
