//! `/board`: what this is, for whoever is not signed in.

use askama::Template;
use axum::{Router, response::Response, routing::get};

use crate::{
    Board, PATH,
    error::PageError,
    page::{Page, Visitor, redirect, render},
};

/// The path of the first page of who is signed in.
pub(crate) const SIGNED_IN_PATH: &str = "/board/events";

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    page: Page,
}

pub(super) fn routes() -> Router<Board> {
    // Who types the address may end it with a slash.
    Router::new().route(PATH, get(home)).route("/board/", get(home))
}

async fn home(visitor: Visitor) -> Result<Response, PageError> {
    match visitor.session().await? {
        Some(_) => Ok(redirect(SIGNED_IN_PATH)),
        None => render(&HomePage { page: visitor.page }),
    }
}
