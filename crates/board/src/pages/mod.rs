//! The pages, one file or folder each, with their templates beside them.

mod account;
mod admin;
mod event;
mod event_actions;
mod event_facts;
mod event_form;
pub(crate) mod event_row;
pub(crate) mod events;
mod forgot_password;
mod home;
mod identity_form;
mod join;
pub(crate) mod month;
pub(crate) mod my_events;
mod notice;
mod reset_password;
mod review;
pub(crate) mod sign_in;
mod sign_up;
mod verify_email;

use axum::Router;

use crate::{Board, is_below};

/// The path of the month.
pub(crate) const MONTH_PATH: &str = "/board/events/month";

/// The routes of all pages.
pub(crate) fn routes() -> Router<Board> {
    Router::new()
        .merge(home::routes())
        .merge(sign_in::routes())
        .merge(review::routes())
        .merge(event_form::routes())
        .merge(event_actions::routes())
        .merge(sign_up::routes())
        .merge(join::routes())
        .merge(forgot_password::routes())
        .merge(reset_password::routes())
        .merge(verify_email::routes())
        .merge(account::routes())
        .merge(admin::routes())
        .merge(events::routes())
        .merge(month::routes())
        .merge(event::routes())
        .merge(my_events::routes())
}

/// The forms with which passwords are guessed, accounts are made and mails are sent.
const COUNTED_FOR_ADDRESS: [&str; 10] = [
    "/board/sign-in",
    "/board/sign-up",
    "/board/join",
    "/board/forgot-password",
    "/board/reset-password",
    "/board/verify-email",
    "/board/account/password",
    "/board/account/email",
    "/board/account/delete",
    "/board/account/resend-verification",
];

/// Whether a form at this path counts for the client's address, also in a session.
pub(crate) fn counts_for_address(path: &str) -> bool {
    COUNTED_FOR_ADDRESS.iter().any(|counted| is_below(path, counted))
}
