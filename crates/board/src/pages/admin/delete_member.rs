//! `/board/members/{id}/delete`: asks once, then deletes a member.

use askama::Template;
use axum::{Router, extract::Path, response::Response, routing::get};
use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::RemoveMemberRequest;
use uuid::Uuid;

use super::{Admin, faults, id_in_path, member_view::Member};
use crate::{
    Board,
    banner::Banner,
    calls::{auth_reply, if_version},
    error::PageError,
    form::{FormBody, FormView},
    page::{Page, Section, SignedIn, redirect, redirect_with_banner, render, render_faults},
};

#[derive(Template)]
#[template(path = "pages/admin/delete_member.html")]
struct DeleteMemberPage {
    page: Page,
    member: Member,
    form: FormView,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/members/{id}/delete", get(show).post(delete))
}

async fn show(Admin(visit): Admin, Path(id): Path<String>) -> Result<Response, PageError> {
    let id = id_in_path(&id)?;
    if id == visit.viewer().id {
        return Ok(to_own_page(id));
    }
    let member = Member::find(&visit, id).await?;
    render(&DeleteMemberPage::new(visit, member, FormView::empty()))
}

async fn delete(
    Admin(visit): Admin,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = id_in_path(&id)?;
    if id == visit.viewer().id {
        return Ok(to_own_page(id));
    }
    if form.is_to_be_shown() {
        let member = Member::find(&visit, id).await?;
        return render(&DeleteMemberPage::new(visit, member, FormView::of((*form).clone())));
    }
    let message = RemoveMemberRequest {
        id: id.to_string(),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(visit.calls.idempotency(form.key())),
    };
    match auth_reply(visit.board.clients().auth().remove_member(visit.calls.request(message)).await) {
        Ok(_) => Ok(redirect_with_banner(&visit.board, super::MEMBERS_PATH, Banner::MemberDeleted)),
        Err(error) => {
            let member = Member::find(&visit, id).await?;
            let form = match error.code() {
                ErrorCode::StaleVersion => member.stale_form(visit.page.texts, &form, "delete"),
                _ => faults(&visit.page, &form, "delete", error)?,
            };
            render_faults(&DeleteMemberPage::new(visit, member, form))
        }
    }
}

/// One's own page tells where one's own account is deleted.
fn to_own_page(id: Uuid) -> Response {
    redirect(&format!("{}/{id}", super::MEMBERS_PATH))
}

impl DeleteMemberPage {
    fn new(visit: SignedIn, member: Member, form: FormView) -> Self {
        Self { page: visit.page.in_section(Section::Members), member, form }
    }
}
