//! `/board/sign-up`: a new organization, or an account in one that lets everybody join who knows its ID.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::{ErrorCode, ServiceError},
};
use eventboard_domain::Refusal;
use eventboard_proto::auth::{LoginRequest, SessionReply, SignupRequest, signup_request::Organization};

use super::{home::SIGNED_IN_PATH, identity_form, sign_in};
use crate::{
    Board,
    banner::Banner,
    calls::{Calls, auth_reply},
    error::PageError,
    form::{Form, FormBody, FormView, QueryFields},
    page::{Page, Visitor, redirect_with_banner, render, render_faults},
    texts::Texts,
};

/// The parameter of the path with the ID of the organization to join.
const ORGANIZATION: &str = "organization";

/// The field with the ID of the organization to join. A form without it founds one.
const ORGANIZATION_ID: &str = "organizationId";

/// The field with the name of the new organization.
const ORGANIZATION_NAME: &str = "organizationName";

/// The page with the form.
#[derive(Template)]
#[template(path = "pages/sign_up.html")]
struct SignUpPage {
    page: Page,
    form: FormView,
    /// Whether the address has an account already.
    is_email_taken: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/sign-up", get(show).post(sign_up))
}

async fn show(visitor: Visitor, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let form = match query.has(ORGANIZATION) {
        true => Form::filled([(ORGANIZATION_ID, query.text(ORGANIZATION))]),
        false => Form::default(),
    };
    render(&SignUpPage { page: visitor.page, form: FormView::of(form), is_email_taken: false })
}

async fn sign_up(visitor: Visitor, FormBody(form): FormBody) -> Result<Response, PageError> {
    let Visitor { board, calls, page, secret } = visitor;
    if form.is_to_be_shown() {
        let form = FormView::of((*form).clone());
        return render(&SignUpPage { page, form, is_email_taken: false });
    }
    let reply = auth_reply(board.clients().auth().signup(calls.request_once(message(&form))).await);
    let error = match reply {
        Ok(session) => return Ok(welcome(&board, calls, secret, session, Banner::SignedUp).await),
        Err(error) => error,
    };
    if is_email_taken(&error)
        && let Some(session) = existing_account(&board, &calls, &form).await
    {
        return Ok(welcome(&board, calls, secret, session, Banner::HadAccount).await);
    }
    let is_email_taken = is_email_taken(&error);
    let form = faults(page.texts, &form, error)?;
    render_faults(&SignUpPage { page, form, is_email_taken })
}

fn message(form: &Form) -> SignupRequest {
    let organization = match form.has(ORGANIZATION_ID) {
        true => Organization::OrganizationId(form.text(ORGANIZATION_ID)),
        false => Organization::OrganizationName(form.text(ORGANIZATION_NAME)),
    };
    SignupRequest {
        email: form.text("email"),
        password: form.text("password"),
        first_name: form.text("firstName"),
        last_name: form.text("lastName"),
        organization: Some(organization),
        browser: true,
    }
}

/// The page after a signup.
pub(super) async fn welcome(
    board: &Board,
    calls: Calls,
    former: Option<BrowserSecret>,
    session: SessionReply,
    banner: Banner,
) -> Response {
    let mut response = redirect_with_banner(board, SIGNED_IN_PATH, banner);
    sign_in::replace_session(board, calls, former, session, &mut response).await;
    response
}

/// Signs in who has signed up already: the second click of a double click comes here. `None` if the password is not the account's.
pub(super) async fn existing_account(board: &Board, calls: &Calls, form: &Form) -> Option<SessionReply> {
    let message = LoginRequest { email: form.text("email"), password: form.text("password"), browser: true };
    auth_reply(board.clients().auth().login(calls.request_once(message)).await).ok()
}

/// Whether another account has the address. The other reason is the name of the organization.
fn is_email_taken(error: &ServiceError) -> bool {
    error.code() == ErrorCode::AlreadyExists && error.message() == Refusal::EmailTaken.message()
}

/// What is wrong with the form.
///
/// # Errors
/// What the user cannot mend.
fn faults(texts: &Texts, form: &Form, error: ServiceError) -> Result<FormView, PageError> {
    let texts_here = &texts.auth;
    let (field, message) = match error.code() {
        ErrorCode::AlreadyExists if is_email_taken(&error) => ("email", texts_here.email_taken),
        ErrorCode::AlreadyExists => (ORGANIZATION_NAME, texts_here.organization_name_taken),
        ErrorCode::NotFound => (ORGANIZATION_ID, texts_here.no_organization),
        ErrorCode::Forbidden => (ORGANIZATION_ID, texts_here.organization_closed),
        ErrorCode::QuotaExceeded => (ORGANIZATION_ID, texts_here.organization_full),
        _ => return identity_form::faults(texts, form, error, "password"),
    };
    Ok(FormView::with_error(form, field, message.to_owned()))
}

impl SignUpPage {
    /// Whether the form joins an organization that exists.
    fn joins(&self) -> bool {
        self.form.has(ORGANIZATION_ID)
    }

    fn heading(&self) -> &'static str {
        if self.joins() { self.page.texts.auth.join_by_id_heading } else { self.page.texts.common.sign_up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    #[test]
    fn a_form_with_the_id_of_an_organization_joins_it() {
        let found = message(&Form::parse(b"organizationName=Acme&email=a%40b.org"));
        assert_eq!(found.organization, Some(Organization::OrganizationName("Acme".to_owned())));
        let join = message(&Form::parse(b"organizationId=&email=a%40b.org"));
        assert_eq!(join.organization, Some(Organization::OrganizationId(String::new())));
    }

    #[test]
    fn a_refusal_is_told_at_the_field_that_can_be_changed() {
        let form = Form::default();
        for (refusal, field) in [
            (Refusal::EmailTaken, "email"),
            (Refusal::OrganizationNameTaken { name: "Acme".to_owned() }, ORGANIZATION_NAME),
            (Refusal::OrganizationNotFound, ORGANIZATION_ID),
            (Refusal::OrganizationClosed, ORGANIZATION_ID),
        ] {
            let view = faults(&ENGLISH, &form, refusal.into()).expect("faults");
            assert!(view.error(field).is_some(), "{field}");
        }
    }
}
