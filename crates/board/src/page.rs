//! What is around the content of a page, and who looks at it.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    response::{Html, IntoResponse, Redirect, Response},
};
use axum_htmx::HX_REDIRECT;
use chrono::Utc;
use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::{ErrorCode, ServiceError},
};
use eventboard_proto::events::GetQueueSummaryRequest;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use tokio::time::timeout;

use crate::{
    Board, assets,
    assets::{ASSETS, Assets},
    banner::Banner,
    calls::{Calls, events_reply},
    cookie,
    dates::Clock,
    error::PageError,
    form::MEMBER,
    form::SharedForm,
    session::BrowserSession,
    texts::{ENGLISH, Texts},
    viewer::Viewer,
};

/// How long a page waits for the number of events in the queue.
const MAX_WAIT_FOR_SUMMARY: Duration = Duration::from_millis(300);

/// The entry of the navigation that is highlighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Section {
    /// None of them.
    #[default]
    None,
    Events,
    Review,
    MyEvents,
    NewEvent,
    Account,
    Members,
    Organization,
    Audit,
}

impl Section {
    /// The name in the template of the navigation.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Events => Some("Events"),
            Self::Review => Some("Review"),
            Self::MyEvents => Some("MyEvents"),
            Self::NewEvent => Some("NewEvent"),
            Self::Account => Some("Account"),
            Self::Members => Some("Members"),
            Self::Organization => Some("Organization"),
            Self::Audit => Some("Audit"),
        }
    }
}

/// What is around the content of a page. Every template has one in its field `page`.
pub(crate) struct Page {
    pub(crate) texts: &'static Texts,
    pub(crate) assets: &'static Assets,
    pub(crate) clock: Clock,
    pub(crate) section: Section,
    pub(crate) banner: Option<Banner>,
    /// The session of the viewer. `None` for a page without one.
    session: Option<Arc<BrowserSession>>,
    /// How many events wait for a moderator. `None` for others, or if it is unknown.
    pub(crate) waiting: Option<Waiting>,
}

/// How many events wait for a moderator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) count: u32,
    /// Whether there are no more than those.
    pub(crate) is_exact: bool,
}

/// A request to a page that needs no session.
pub(crate) struct Visitor {
    pub(crate) board: Board,
    pub(crate) calls: Calls,
    pub(crate) page: Page,
    /// The secret in the cookie, whether its session goes on or not.
    pub(crate) secret: Option<BrowserSecret>,
}

/// A request of somebody who is signed in.
pub(crate) struct SignedIn {
    pub(crate) board: Board,
    pub(crate) calls: Calls,
    pub(crate) page: Page,
    pub(crate) session: Arc<BrowserSession>,
    pub(crate) secret: BrowserSecret,
}

impl Page {
    /// A page for this viewer.
    pub(crate) fn new(session: Option<Arc<BrowserSession>>, banner: Option<Banner>) -> Self {
        let zone = session.as_ref().map_or(chrono_tz::UTC, |session| session.viewer.zone);
        let texts = &ENGLISH;
        Self {
            texts,
            assets: &ASSETS,
            clock: Clock { now: Utc::now(), zone, texts: &texts.dates },
            section: Section::None,
            banner,
            session,
            waiting: None,
        }
    }

    /// Highlights an entry of the navigation.
    pub(crate) fn in_section(mut self, section: Section) -> Self {
        self.section = section;
        self
    }

    /// Who looks at the page.
    pub(crate) fn viewer(&self) -> Option<&Viewer> {
        self.session.as_ref().map(|session| &session.viewer)
    }

    /// The ID of the viewer for the hidden field of forms. Empty for a page without a session.
    pub(crate) fn member(&self) -> String {
        self.viewer().map_or_else(String::new, |viewer| viewer.id.to_string())
    }

    /// The title in the browser's tab.
    pub(crate) fn title(&self, page: &str) -> String {
        (self.texts.common.title)(page, self.place())
    }

    /// The title of a form in the browser's tab, which tells of errors.
    pub(crate) fn form_title(&self, page: &str, has_errors: bool) -> String {
        if has_errors { (self.texts.common.title_with_error)(page, self.place()) } else { self.title(page) }
    }

    /// The organization, or the product.
    fn place(&self) -> &str {
        self.viewer().map_or(self.texts.common.product, |viewer| &viewer.organization_name)
    }

    /// The address that the viewer must verify, for pages that say nothing more urgent, and do not say it themselves.
    pub(crate) fn email_to_verify(&self) -> Option<&str> {
        let viewer = self.viewer().filter(|viewer| viewer.must_verify_email)?;
        (self.section != Section::Account && self.banner.is_none()).then_some(&viewer.email)
    }

    /// What the page says on top.
    pub(crate) fn banner_text(&self) -> Option<&'static str> {
        self.banner.map(self.texts.banners.text)
    }

    /// The attribute of the entry of the navigation that leads to this section, for `|safe`.
    pub(crate) fn current(&self, section: &str) -> &'static str {
        if self.section.name() == Some(section) { r#" aria-current="page""# } else { "" }
    }

    /// An icon as HTML, for `|safe`.
    pub(crate) fn icon(&self, name: &str) -> &'static str {
        assets::icon(name)
    }
}

impl FromRequestParts<Board> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, board: &Board) -> Result<Self, PageError> {
        Ok(Self {
            board: board.clone(),
            calls: Calls::anonymous(parts, board.client_signer())?,
            page: Page::new(None, Banner::of(&parts.headers)),
            secret: cookie::session_secret(board, &parts.headers),
        })
    }
}

impl FromRequestParts<Board> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, board: &Board) -> Result<Self, PageError> {
        let Visitor { board, calls, page, secret } = Visitor::from_request_parts(parts, board).await?;
        let secret = secret.ok_or_else(ServiceError::unauthenticated)?;
        let session = board.sessions().exchange(&secret, &calls).await?;
        refuse_form_of_other_member(parts, &session.viewer)?;
        let calls = calls.authorized(session.authorization.clone());
        let mut page = Page::new(Some(Arc::clone(&session)), page.banner);
        if parts.method.is_safe() {
            page.waiting = waiting(&board, &calls, &session.viewer).await;
        }
        Ok(Self { board, calls, page, session, secret })
    }
}

impl Visitor {
    /// The session of the cookie, if it goes on.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) async fn session(&self) -> Result<Option<Arc<BrowserSession>>, ServiceError> {
        let Some(secret) = &self.secret else { return Ok(None) };
        match self.board.sessions().exchange(secret, &self.calls).await {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.code() == ErrorCode::Unauthenticated => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl SignedIn {
    /// Who is signed in.
    pub(crate) fn viewer(&self) -> &Viewer {
        &self.session.viewer
    }
}

/// Refuses a form that was shown to somebody else: another user has signed in since, in another tab of the browser.
fn refuse_form_of_other_member(parts: &Parts, viewer: &Viewer) -> Result<(), PageError> {
    let Some(form) = parts.extensions.get::<SharedForm>().and_then(SharedForm::get) else { return Ok(()) };
    let member = form.value(MEMBER);
    if member.is_empty() || member == viewer.id.to_string() {
        return Ok(());
    }
    Err(PageError::refused(ENGLISH.errors.other_member))
}

/// How many events wait for the viewer. A page neither waits long nor is refused because the number is unknown.
async fn waiting(board: &Board, calls: &Calls, viewer: &Viewer) -> Option<Waiting> {
    if !viewer.is_moderator() {
        return None;
    }
    let mut events = board.clients().events();
    let reply = events.get_queue_summary(calls.request(GetQueueSummaryRequest {}));
    let summary = events_reply(timeout(MAX_WAIT_FOR_SUMMARY, reply).await.ok()?).ok()?;
    Some(Waiting { count: summary.waiting, is_exact: summary.is_exact })
}

/// Renders a page.
///
/// # Errors
/// When the template fails, which is a defect.
pub(crate) fn render(template: &impl Template) -> Result<Response, PageError> {
    Ok(Html(template.render()?).into_response())
}

/// Renders a form with something to change.
///
/// # Errors
/// When the template fails, which is a defect.
pub(crate) fn render_faults(template: &impl Template) -> Result<Response, PageError> {
    Ok((StatusCode::BAD_REQUEST, Html(template.render()?)).into_response())
}

/// Leads to another page after a form.
pub(crate) fn redirect(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Leads to another page after a form, with a banner on top.
pub(crate) fn redirect_with_banner(board: &Board, path: &str, banner: Banner) -> Response {
    let mut response = redirect(path);
    response.headers_mut().append(header::SET_COOKIE, cookie::show_banner(board, banner.name()));
    // The layer that forgets the banner of the page before must leave this one alone.
    response.extensions_mut().insert(banner);
    response
}

/// Leads to another page also where htmx has sent the request: it would put the page into this one.
pub(crate) fn redirect_whole_page(request: &HeaderMap, path: &str) -> Response {
    let mut response = redirect(path);
    if request.contains_key(axum_htmx::HX_REQUEST) {
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Ok(path) = HeaderValue::from_str(path) {
            response.headers_mut().insert(HX_REDIRECT, path);
        }
    }
    response
}
