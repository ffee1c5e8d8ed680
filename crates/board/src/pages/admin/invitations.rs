//! `/board/members/invitations`: the invitations that wait for an answer.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use chrono::{DateTime, Utc};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::auth::{
    self as proto, ListInvitationsReply, ListInvitationsRequest, WithdrawInvitationRequest,
};

use super::Admin;
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    dates,
    error::PageError,
    form::{Form, FormBody, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, redirect_with_banner, render},
    query::with_query,
};

/// The path of the list.
pub(super) const PATH: &str = "/board/members/invitations";

/// How many invitations a page shows.
const LIMIT: u32 = 50;

#[derive(Template)]
#[template(path = "pages/admin/invitations.html")]
struct InvitationsPage {
    page: Page,
    invitations: Vec<InvitationRow>,
    /// The path of the next page.
    more: Option<String>,
}

/// An invitation with the form that withdraws it.
struct InvitationRow {
    id: String,
    email: String,
    role: Role,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    form: FormView,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(list).post(withdraw))
}

async fn list(Admin(visit): Admin, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let message = ListInvitationsRequest { limit: LIMIT, cursor: query.text("cursor") };
    let reply = visit.board.clients().auth().list_invitations(visit.calls.request(message)).await;
    match auth_reply(reply) {
        Ok(reply) => render(&InvitationsPage::new(visit, reply)?),
        // The list has no such page.
        Err(error) if error.code() == ErrorCode::InvalidInput => Ok(redirect(PATH)),
        Err(error) => Err(error.into()),
    }
}

async fn withdraw(Admin(visit): Admin, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return list(Admin(visit), QueryFields(Form::default())).await;
    }
    let idempotency = Some(visit.calls.idempotency(form.key()));
    let message = WithdrawInvitationRequest { id: form.text("id"), idempotency };
    let reply = visit.board.clients().auth().withdraw_invitation(visit.calls.request(message)).await;
    let banner = match auth_reply(reply) {
        Ok(_) => Banner::InvitationWithdrawn,
        // It was used or withdrawn, or has expired, while the page was open.
        Err(error) if error.code() == ErrorCode::NotFound => Banner::InvitationGone,
        Err(error) => return Err(error.into()),
    };
    Ok(redirect_with_banner(&visit.board, PATH, banner))
}

impl InvitationsPage {
    fn new(visit: SignedIn, reply: ListInvitationsReply) -> Result<Self, ServiceError> {
        let ListInvitationsReply { invitations, next_cursor } = reply;
        Ok(Self {
            page: visit.page.in_section(Section::Members),
            invitations: invitations.into_iter().map(InvitationRow::try_from).collect::<Result<_, _>>()?,
            more: next_cursor.map(|cursor| with_query(PATH, [("cursor", &*cursor)])),
        })
    }
}

impl TryFrom<proto::Invitation> for InvitationRow {
    type Error = ServiceError;

    fn try_from(invitation: proto::Invitation) -> Result<Self, ServiceError> {
        let role = Role::try_from(invitation.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
        let proto::Invitation { id, email, role: _, created_at, expires_at } = invitation;
        Ok(Self {
            id,
            email,
            role,
            created_at: dates::required(created_at, Backend::Auth, "created_at")?,
            expires_at: dates::required(expires_at, Backend::Auth, "expires_at")?,
            form: FormView::empty(),
        })
    }
}
