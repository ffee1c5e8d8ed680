//! `/board/members/invite`: invites somebody.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::ErrorCode;
use eventboard_domain::{MAX_INVITATIONS_A_DAY, MAX_OPEN_INVITATIONS, Role};
use eventboard_proto::auth::CreateInvitationRequest;

use super::{Admin, faults, invitations, members::role};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormBody, FormView},
    page::{Page, Section, redirect_with_banner, render, render_faults},
};

#[derive(Template)]
#[template(path = "pages/admin/invite.html")]
struct InvitePage {
    page: Page,
    form: FormView,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/members/invite", get(show).post(invite))
}

async fn show(Admin(visit): Admin) -> Result<Response, PageError> {
    let form = Form::filled([("role", Role::User.to_string())]);
    render(&InvitePage::new(visit.page, FormView::of(form)))
}

async fn invite(Admin(visit): Admin, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return render(&InvitePage::new(visit.page, FormView::of((*form).clone())));
    }
    let idempotency = Some(visit.calls.idempotency(form.key()));
    let message =
        CreateInvitationRequest { email: form.text("email"), role: role(&form).into(), idempotency };
    match auth_reply(visit.board.clients().auth().create_invitation(visit.calls.request(message)).await) {
        Ok(reply) => {
            let banner = if reply.replayed { Banner::AlreadySent } else { Banner::Invited };
            Ok(redirect_with_banner(&visit.board, invitations::PATH, banner))
        }
        Err(error) if error.code() == ErrorCode::QuotaExceeded => {
            let texts = &visit.page.texts.admin.invite;
            let message = (texts.too_many)(MAX_OPEN_INVITATIONS, MAX_INVITATIONS_A_DAY);
            let form = FormView::with_error(&form, "email", message);
            render_faults(&InvitePage::new(visit.page, form))
        }
        Err(error) => {
            let form = faults(&visit.page, &form, "email", error)?;
            render_faults(&InvitePage::new(visit.page, form))
        }
    }
}

impl InvitePage {
    fn new(page: Page, form: FormView) -> Self {
        Self { page: page.in_section(Section::Members), form }
    }
}
