//! `/board/join`: an account by an invitation. Only sending the form uses its link up.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_client::Backend;
use eventboard_domain::Role;
use eventboard_proto::auth::{
    LookUpInvitationReply, LookUpInvitationRequest, SignupRequest, signup_request::Organization,
};

use super::{
    identity_form::{self, is_link_spent},
    notice::Notice,
    sign_up::{existing_account, welcome},
};
use crate::{
    Board,
    banner::Banner,
    calls::{Calls, auth_reply},
    error::PageError,
    form::{Form, FormBody, FormView, QueryFields},
    page::{Page, Visitor, render, render_faults},
};

/// The page with the form.
#[derive(Template)]
#[template(path = "pages/join.html")]
struct JoinPage {
    page: Page,
    form: FormView,
    invitation: Invitation,
}

/// What an invitation is about.
struct Invitation {
    organization: String,
    email: String,
    role: Role,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/join", get(show).post(join))
}

async fn show(visitor: Visitor, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let form = Form::filled([("token", query.text("token"))]);
    form_page(visitor, FormView::of(form)).await
}

async fn join(visitor: Visitor, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return form_page(visitor, FormView::of((*form).clone())).await;
    }
    let (board, calls) = (visitor.board.clone(), &visitor.calls);
    let reply = auth_reply(board.clients().auth().signup(calls.request_once(message(&form))).await);
    let error = match reply {
        Ok(session) => {
            return Ok(welcome(&board, visitor.calls, visitor.secret, session, Banner::Joined).await);
        }
        Err(error) => error,
    };
    // The second click of a double click finds the invitation used.
    let may_have_joined = is_link_spent(&error) || error.code() == ErrorCode::AlreadyExists;
    if may_have_joined && let Some(session) = existing_account(&board, calls, &form).await {
        return Ok(welcome(&board, visitor.calls, visitor.secret, session, Banner::HadAccount).await);
    }
    let texts = visitor.page.texts;
    match error.code() {
        _ if is_link_spent(&error) => spent(visitor.page),
        ErrorCode::AlreadyExists => refused(visitor.page, texts.auth.invited_email_taken),
        ErrorCode::QuotaExceeded => refused(visitor.page, texts.auth.organization_full),
        _ => form_page(visitor, identity_form::faults(texts, &form, error, "password")?).await,
    }
}

/// The address is that of the invitation. The form has it only for who has joined already.
fn message(form: &Form) -> SignupRequest {
    SignupRequest {
        email: String::new(),
        password: form.text("password"),
        first_name: form.text("firstName"),
        last_name: form.text("lastName"),
        organization: Some(Organization::InvitationToken(form.text("token"))),
        browser: true,
    }
}

/// The page with the form, or one that says that the invitation does not work.
async fn form_page(visitor: Visitor, form: FormView) -> Result<Response, PageError> {
    let Visitor { board, calls, page, secret: _ } = visitor;
    let invitation = match look_up(&board, &calls, form.value("token")).await {
        Ok(invitation) => invitation,
        Err(error) if error.code() == ErrorCode::InvalidInput => return spent(page),
        Err(error) => return Err(error.into()),
    };
    let has_errors = !form.errors().is_empty();
    let page = JoinPage { page, form, invitation };
    if has_errors { render_faults(&page) } else { render(&page) }
}

async fn look_up(board: &Board, calls: &Calls, token: &str) -> Result<Invitation, ServiceError> {
    let message = LookUpInvitationRequest { invitation_token: token.to_owned() };
    let reply = auth_reply(board.clients().auth().look_up_invitation(calls.request(message)).await)?;
    let role = Role::try_from(reply.role()).map_err(|_| Backend::Auth.invalid_reply("role"))?;
    let LookUpInvitationReply { organization, email, role: _ } = reply;
    let organization = organization.ok_or_else(|| Backend::Auth.invalid_reply("organization"))?;
    Ok(Invitation { organization: organization.name, email, role })
}

fn spent(page: Page) -> Result<Response, PageError> {
    let help = page.texts.auth.invitation_spent;
    refused(page, help)
}

/// A page that says why nobody can join.
fn refused(page: Page, help: &'static str) -> Result<Response, PageError> {
    render_faults(&Notice {
        heading: page.texts.auth.cannot_join,
        help: help.to_owned(),
        path: "/board/sign-in",
        label: page.texts.common.sign_in,
        or_sign_in: false,
        page,
    })
}

impl JoinPage {
    fn heading(&self) -> String {
        (self.page.texts.auth.join_heading)(&self.invitation.organization)
    }

    fn intro(&self) -> String {
        (self.page.texts.auth.join_intro)(self.invitation.role, &self.invitation.email)
    }
}
