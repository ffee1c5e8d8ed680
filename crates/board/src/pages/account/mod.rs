//! `/board/account`: what belongs to the viewer alone. Every section is a form with a path of its own. What is wrong with one is
//! shown on the page with all of them.

pub(super) mod client;
mod delete;
mod email;
mod notifications;
mod password;
mod profile;
mod sessions;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::DecisionMails;
use eventboard_proto::auth::{
    GetMeReply, GetMeRequest, GetNotificationsRequest, ListSessionsRequest, NotificationsReply, User,
};
use futures::try_join;

use self::sessions::Session;
use super::identity_form;
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormView},
    page::{Page, Section, SignedIn, redirect, redirect_with_banner, render, render_faults},
};

const ACCOUNT_PATH: &str = "/board/account";

/// A section of the page with a form.
#[derive(Debug, Clone, Copy)]
enum Part {
    Profile,
    Email,
    Password,
    Notifications,
}

/// The page with all sections.
#[derive(Template)]
#[template(path = "pages/account/account.html")]
struct AccountPage {
    page: Page,
    email: String,
    is_verified: bool,
    pending_email: Option<String>,
    profile_form: FormView,
    email_form: FormView,
    password_form: FormView,
    notifications_form: FormView,
    sessions: Vec<Session>,
}

/// What the page shows besides what was typed.
struct Account {
    user: User,
    decisions: DecisionMails,
    sessions: Vec<Session>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new()
        .route(ACCOUNT_PATH, get(show))
        .merge(profile::routes())
        .merge(email::routes())
        .merge(password::routes())
        .merge(notifications::routes())
        .merge(sessions::routes())
        .merge(delete::routes())
}

async fn show(signed_in: SignedIn) -> Result<Response, PageError> {
    let account = load(&signed_in).await?;
    render(&AccountPage::stored(signed_in.page, account))
}

/// The section of a form that is only to be shown once more.
async fn show_again(signed_in: SignedIn, part: Part, form: &Form) -> Result<Response, PageError> {
    let account = load(&signed_in).await?;
    render(&AccountPage::stored(signed_in.page, account).with(part, FormView::of(form.clone())))
}

/// The page with what is wrong with one of its forms.
///
/// # Errors
/// What the user cannot mend.
async fn show_faults(
    signed_in: SignedIn,
    part: Part,
    form: &Form,
    error: ServiceError,
) -> Result<Response, PageError> {
    let form = identity_form::faults(signed_in.page.texts, form, error, part.password_field())?;
    let account = load(&signed_in).await?;
    render_faults(&AccountPage::stored(signed_in.page, account).with(part, form))
}

/// The page after a change. The header and other pages show it at once.
async fn done(signed_in: &SignedIn, banner: Banner) -> Response {
    signed_in.board.sessions().forget(&signed_in.secret).await;
    redirect_with_banner(&signed_in.board, ACCOUNT_PATH, banner)
}

/// The page for the path of a form that nobody has sent.
async fn to_account(_: SignedIn) -> Response {
    redirect(ACCOUNT_PATH)
}

async fn load(signed_in: &SignedIn) -> Result<Account, PageError> {
    let (board, calls) = (&signed_in.board, &signed_in.calls);
    let (mut me, mut notifications, mut list) =
        (board.clients().auth(), board.clients().auth(), board.clients().auth());
    let (me, notifications, list) = try_join!(
        async { auth_reply(me.get_me(calls.request(GetMeRequest {})).await) },
        async {
            auth_reply(notifications.get_notifications(calls.request(GetNotificationsRequest {})).await)
        },
        async { auth_reply(list.list_sessions(calls.request(ListSessionsRequest {})).await) },
    )?;
    let GetMeReply { user, organization: _ } = me;
    Ok(Account {
        user: user.ok_or_else(|| Backend::Auth.invalid_reply("user"))?,
        decisions: decisions(&notifications)?,
        sessions: sessions::list(signed_in.page.texts, list)?,
    })
}

fn decisions(reply: &NotificationsReply) -> Result<DecisionMails, ServiceError> {
    DecisionMails::try_from(reply.decisions()).map_err(|_| Backend::Auth.invalid_reply("decisions"))
}

impl Part {
    /// The field that tells of too many wrong passwords.
    fn password_field(self) -> &'static str {
        match self {
            Self::Profile => "firstName",
            Self::Email => "password",
            Self::Password => "currentPassword",
            Self::Notifications => "decisions",
        }
    }
}

impl AccountPage {
    /// The page as long as nothing was typed.
    fn stored(page: Page, account: Account) -> Self {
        let Account { user, decisions, sessions } = account;
        Self {
            page: page.in_section(Section::Account),
            profile_form: FormView::of(profile::stored(&user)),
            email_form: FormView::empty(),
            password_form: FormView::empty(),
            notifications_form: FormView::of(notifications::stored(decisions)),
            is_verified: user.email_verified_at.is_some(),
            email: user.email,
            pending_email: user.pending_email,
            sessions,
        }
    }

    /// The page with what was typed into one of its forms.
    fn with(mut self, part: Part, form: FormView) -> Self {
        let shown = match part {
            Part::Profile => &mut self.profile_form,
            Part::Email => &mut self.email_form,
            Part::Password => &mut self.password_form,
            Part::Notifications => &mut self.notifications_form,
        };
        *shown = form;
        self
    }

    /// All forms. What is wrong is wrong with one of them.
    fn forms(&self) -> [&FormView; 4] {
        [&self.profile_form, &self.email_form, &self.password_form, &self.notifications_form]
    }

    fn has_errors(&self) -> bool {
        self.forms().iter().any(|form| !form.errors().is_empty())
    }

    /// The zone that the viewer has chosen.
    fn zone(&self) -> &str {
        self.profile_form.value("timeZone")
    }

    /// The choice to have the organization's zone.
    fn organization_zone(&self) -> String {
        let zone = self.page.viewer().map_or("", |viewer| viewer.organization_zone.name());
        (self.page.texts.account.organization_zone)(zone)
    }

    fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }
}
