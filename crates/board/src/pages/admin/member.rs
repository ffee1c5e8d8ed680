//! `/board/members/{id}`: a member, and what an admin does with one.

use askama::Template;
use axum::{Router, extract::Path, response::Response, routing::get};
use eventboard_chassis::error::ErrorCode;
use eventboard_domain::Role;
use eventboard_proto::auth::UpdateMemberRequest;
use http::header;

use super::{faults, id_in_path, member_view::Member, members::role};
use crate::{
    Board,
    banner::Banner,
    calls::{auth_reply, if_version},
    cookie,
    error::PageError,
    form::{Form, FormBody, FormView},
    page::{Page, Section, SignedIn, redirect_with_banner, render, render_faults},
};

#[derive(Template)]
#[template(path = "pages/admin/member.html")]
struct MemberPage {
    page: Page,
    member: Member,
    form: FormView,
    /// Whether the viewer administers members.
    is_admin: bool,
    /// Whether it is the viewer.
    is_viewer: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/members/{id}", get(show).post(update))
}

async fn show(visit: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let member = Member::find(&visit, id_in_path(&id)?).await?;
    let form = Form::filled([("role", member.role.to_string())]);
    render(&MemberPage::new(visit, member, FormView::of(form)))
}

/// Changes what the form tells: the role, or whether the member is disabled.
async fn update(
    visit: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = id_in_path(&id)?;
    if form.is_to_be_shown() {
        let member = Member::find(&visit, id).await?;
        return render(&MemberPage::new(visit, member, FormView::of((*form).clone())));
    }
    let message = UpdateMemberRequest {
        id: id.to_string(),
        role: role(&form).into(),
        disabled: form.value("disabled").parse().ok(),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(visit.calls.idempotency(form.key())),
    };
    match auth_reply(visit.board.clients().auth().update_member(visit.calls.request(message)).await) {
        Ok(reply) => saved(visit, &Member::required(reply.member)?).await,
        Err(error) => {
            let field = if form.has("role") { "role" } else { "disabled" };
            let member = Member::find(&visit, id).await?;
            let form = match error.code() {
                // Somebody else has done the same.
                ErrorCode::StaleVersion if is_done(&form, &member) => return saved(visit, &member).await,
                ErrorCode::StaleVersion => member.stale_form(visit.page.texts, &form, field),
                _ => faults(&visit.page, &form, field, error)?,
            };
            render_faults(&MemberPage::new(visit, member, form))
        }
    }
}

/// Whether the member is already what the form asks for.
fn is_done(form: &Form, member: &Member) -> bool {
    match form.value("disabled").parse::<bool>() {
        Ok(disabled) => disabled == member.is_disabled,
        Err(_) => form.value("role") == member.role.as_str(),
    }
}

/// Leads to the member. Another role has ended the viewer's own session.
async fn saved(visit: SignedIn, member: &Member) -> Result<Response, PageError> {
    let viewer = visit.viewer();
    if viewer.id != member.id || (viewer.role == member.role && !member.is_disabled) {
        return Ok(redirect_with_banner(&visit.board, &member.path(), Banner::MemberSaved));
    }
    visit.board.sessions().forget(&visit.secret).await;
    let mut response = redirect_with_banner(&visit.board, "/board/sign-in", Banner::OwnRoleChanged);
    response.headers_mut().append(header::SET_COOKIE, cookie::forget_session(&visit.board));
    Ok(response)
}

impl MemberPage {
    fn new(visit: SignedIn, member: Member, form: FormView) -> Self {
        let is_viewer = visit.viewer().id == member.id;
        let is_admin = visit.viewer().is_admin();
        Self { page: visit.page.in_section(Section::Members), member, form, is_admin, is_viewer }
    }

    /// The role that is chosen: the member's until another one was.
    fn is_chosen(&self, role: Role) -> bool {
        match self.form.value("role") {
            "" => role == self.member.role,
            chosen => role.as_str() == chosen,
        }
    }
}
