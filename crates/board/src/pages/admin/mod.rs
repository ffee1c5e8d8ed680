//! The pages for admins, of which moderators see the members: members, invitations, the organization and the audit.

mod audit;
mod audit_details;
mod audit_entry;
mod delete_member;
mod hand_over;
mod invitations;
mod invite;
mod member;
mod member_view;
mod members;
mod organization;
mod people;

use axum::{Router, extract::FromRequestParts};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use http::request::Parts;
use uuid::Uuid;

use crate::{
    Board,
    error::PageError,
    form::{Form, FormView},
    page::{Page, SignedIn},
};

/// The path of the members.
const MEMBERS_PATH: &str = "/board/members";

/// The routes of these pages.
pub(super) fn routes() -> Router<Board> {
    Router::new()
        .merge(members::routes())
        .merge(member::routes())
        .merge(hand_over::routes())
        .merge(delete_member::routes())
        .merge(invitations::routes())
        .merge(invite::routes())
        .merge(organization::routes())
        .merge(audit::routes())
}

/// A request of an admin. For anybody else, there is no such page.
struct Admin(SignedIn);

impl FromRequestParts<Board> for Admin {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, board: &Board) -> Result<Self, PageError> {
        let visit = SignedIn::from_request_parts(parts, board).await?;
        if visit.viewer().is_admin() { Ok(Self(visit)) } else { Err(PageError::not_found()) }
    }
}

/// An ID in a path.
///
/// # Errors
/// When it is none, so that there is no such page.
fn id_in_path(id: &str) -> Result<Uuid, PageError> {
    id.parse().map_err(|_| PageError::not_found())
}

/// A form that the service has refused, with what to do. What is not about a field of the API is told at `field`.
///
/// # Errors
/// What is not to be mended in the form.
fn faults(page: &Page, form: &Form, field: &str, error: ServiceError) -> Result<FormView, PageError> {
    let texts = &page.texts.admin;
    let message = match error.code() {
        ErrorCode::InvalidInput => {
            let sentence = |field: &str, rule: &str| violation(page, field, rule);
            return Ok(FormView::with_violations(form, error.violations(), sentence));
        }
        ErrorCode::LastAdmin => texts.last_admin,
        ErrorCode::KeyReused => texts.sent_before,
        _ => return Err(error.into()),
    };
    Ok(FormView::with_error(form, field, message.to_owned()))
}

fn violation(page: &Page, field: &str, rule: &str) -> String {
    let texts = &page.texts.admin;
    let label = match field {
        "email" => return texts.invite.email_fault.to_owned(),
        "role" => return texts.invite.role_fault.to_owned(),
        "to" => return texts.hand_over.to_fault.to_owned(),
        "timeZone" => return texts.organization.time_zone_fault.to_owned(),
        "search" => texts.members.search,
        "name" => texts.organization.name,
        field => field,
    };
    (page.texts.common.violation)(label, rule)
}
