//! `/board/events/new` and `/board/events/{id}/edit`: writing an event.

mod typed;

use askama::Template;
use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_client::Backend;
use eventboard_domain::EventStatus;
use eventboard_proto::events::{self as proto, CreateRequest, LocationChange, UpdateRequest};
use http::StatusCode;

use self::typed::TypedTimes;
use super::{
    event_actions::submit_event,
    event_facts::{Facts, Moment},
};
use crate::{
    Board,
    banner::Banner,
    calls::{Calls, events_reply, if_version},
    description::Paragraph,
    error::PageError,
    event::Event,
    event_lookup::{find_event, owner_names},
    event_steps::EventSteps,
    form::{Form, FormBody, FormView, KEY, MEMBER, QueryFields},
    page::{Page, Section, SignedIn, redirect_with_banner, render, render_faults},
};

const NEW_PATH: &str = "/board/events/new";

/// The field of the buttons.
const BUTTON: &str = "do";

/// What the author wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    Save,
    Submit,
    Preview,
}

/// What the form is for.
enum Purpose {
    /// To make an event.
    Create,
    /// To change one.
    Change {
        event: Box<Event>,
        /// The version that the author has seen.
        version: String,
        offers_submission: bool,
    },
}

#[derive(Template)]
#[template(path = "pages/event_form.html")]
struct EventFormPage {
    page: Page,
    form: FormView,
    purpose: Purpose,
    intro: String,
    notice: Option<Notice>,
}

/// What the author must know before going on.
struct Notice {
    heading: &'static str,
    text: String,
    link: Option<Link>,
    stored: Option<Stored>,
}

struct Link {
    path: String,
    label: &'static str,
}

/// The event as it is now.
struct Stored {
    title: String,
    facts: Facts,
    /// The description, if it is not the one that was typed.
    other_description: Option<Vec<Paragraph>>,
    changed: Moment,
}

#[derive(Template)]
#[template(path = "pages/event_preview.html")]
struct PreviewPage {
    page: Page,
    purpose: Purpose,
    title: String,
    facts: Facts,
    paragraphs: Vec<Paragraph>,
    fields: Vec<(String, String)>,
    form: FormView,
}

pub(super) fn routes() -> Router<Board> {
    Router::new()
        .route(NEW_PATH, get(show_new).post(create))
        .route("/board/events/{id}/edit", get(show_edit).post(update))
}

/// The event of a reply.
///
/// # Errors
/// When the service has left it out, which is a defect.
pub(super) fn required_event(event: Option<proto::Event>) -> Result<Event, ServiceError> {
    Event::try_from(event.ok_or_else(|| Backend::Events.invalid_reply("event"))?)
}

async fn show_new(signed_in: SignedIn, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let mut new_page = EventFormPage::create(page, FormView::empty());
    if let Some(id) = query.optional_text("from") {
        let event = find_event(&board, &calls, &id).await?;
        new_page.copy(&event);
    }
    render(&new_page)
}

async fn create(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return render(&EventFormPage::create(signed_in.page, resumed(&form)));
    }
    let intent = Intent::of(&form);
    if intent == Intent::Preview {
        return preview(signed_in, Purpose::Create, &form).await;
    }
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let times = TypedTimes::read(&page.clock, &form);
    let message = CreateRequest {
        title: form.text("title"),
        description: form.text("description"),
        location: form.optional_text("location"),
        start_date: times.start_message(),
        end_date: times.end_message(),
        idempotency: Some(calls.idempotency(form.key())),
        if_match: None,
        if_none_match: None,
    };
    let reply = events_reply(board.clients().events().create(calls.request(message)).await);
    let (event, replayed) = match reply {
        Ok(reply) => (required_event(reply.event)?, reply.replayed),
        Err(error) => return EventFormPage::create(page, FormView::empty()).refused(&form, &times, error),
    };
    let saved = if replayed { Banner::AlreadySent } else { Banner::DraftSaved };
    let banner = match intent {
        Intent::Submit => submit(&board, &calls, &page, &event, form.key(), saved).await?,
        Intent::Save | Intent::Preview => saved,
    };
    Ok(redirect_with_banner(&board, &event.path(), banner))
}

async fn show_edit(signed_in: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let event = find_event(&signed_in.board, &signed_in.calls, &id).await?;
    if !EventSteps::of(signed_in.viewer(), &event).edit {
        return Err(PageError::forbidden());
    }
    let form = FormView::of(typed::filled(&signed_in.page.clock, &event));
    let version = event.version.to_string();
    render(&EventFormPage::change(signed_in.page, form, event, version))
}

async fn update(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return show_again(signed_in, &id, &form).await;
    }
    let intent = Intent::of(&form);
    if intent == Intent::Preview {
        let event = find_event(&signed_in.board, &signed_in.calls, &id).await?;
        let purpose = Purpose::change(&signed_in.page, event, form.text("version"));
        return preview(signed_in, purpose, &form).await;
    }
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let times = TypedTimes::read(&page.clock, &form);
    let message = UpdateRequest {
        id: id.clone(),
        title: Some(form.text("title")),
        description: Some(form.text("description")),
        location: Some(LocationChange { value: form.optional_text("location") }),
        start_date: times.start_message(),
        end_date: times.end_message(),
        if_match: if_version(form.value("version")),
        idempotency: Some(calls.idempotency(form.key())),
        if_none_match: None,
    };
    let reply = events_reply(board.clients().events().update(calls.request(message)).await);
    let event = match reply {
        Ok(reply) => required_event(reply.event)?,
        Err(error) => return not_updated(&board, &calls, page, &id, &form, error).await,
    };
    let saved = match event.status {
        EventStatus::Rejected => Banner::SavedToSubmitAgain,
        EventStatus::Draft | EventStatus::Submitted | EventStatus::Approved => Banner::EventSaved,
    };
    let banner = match intent {
        Intent::Submit => submit(&board, &calls, &page, &event, form.key(), saved).await?,
        Intent::Save | Intent::Preview => saved,
    };
    Ok(redirect_with_banner(&board, &event.path(), banner))
}

/// Shows what was typed about an event once more. What was typed about an event that is gone can become a new one.
async fn show_again(signed_in: SignedIn, id: &str, form: &Form) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    match find_event(&board, &calls, id).await {
        Ok(event) => render(&EventFormPage::change(page, resumed(form), event, form.text("version"))),
        Err(error) if error.code() == ErrorCode::NotFound => EventFormPage::gone(page, form),
        Err(error) => Err(error.into()),
    }
}

/// Shows the form again with what the author must know.
async fn not_updated(
    board: &Board,
    calls: &Calls,
    page: Page,
    id: &str,
    form: &Form,
    error: ServiceError,
) -> Result<Response, PageError> {
    let event = match error.code() {
        ErrorCode::InvalidInput
        | ErrorCode::StaleVersion
        | ErrorCode::KeyReused
        | ErrorCode::Forbidden
        | ErrorCode::NotFound
        | ErrorCode::QuotaExceeded => find_event(board, calls, id).await,
        _ => return Err(error.into()),
    };
    let event = match event {
        Ok(event) => event,
        Err(error) if error.code() == ErrorCode::NotFound => return EventFormPage::gone(page, form),
        Err(error) => return Err(error.into()),
    };
    let times = TypedTimes::read(&page.clock, form);
    // Whoever sends a form twice with a change has changed the event in between.
    let is_stale = [ErrorCode::StaleVersion, ErrorCode::KeyReused].contains(&error.code());
    let version = if is_stale { event.version.to_string() } else { form.text("version") };
    EventFormPage::change(page, FormView::empty(), event, version).refused(form, &times, error)
}

/// Submits an event that was saved, and returns what the next page says: `saved` if somebody has gone on with the event meanwhile.
async fn submit(
    board: &Board,
    calls: &Calls,
    page: &Page,
    event: &Event,
    key: &str,
    saved: Banner,
) -> Result<Banner, ServiceError> {
    let submitted =
        submit_event(board, calls, &event.id, &event.version.to_string(), &format!("{key}-submit")).await;
    match submitted {
        Ok(reply) if reply.replayed => Ok(Banner::AlreadySent),
        Ok(_) => Ok(Banner::submitted(page.viewer())),
        Err(error) => match error.code() {
            ErrorCode::Forbidden => Ok(Banner::SavedNotSubmitted),
            ErrorCode::StaleVersion | ErrorCode::WrongStatus | ErrorCode::KeyReused => Ok(saved),
            _ => Err(error),
        },
    }
}

/// Shows the event as it will look. Nothing is stored, and nothing is checked.
async fn preview(signed_in: SignedIn, purpose: Purpose, form: &Form) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session, secret: _ } = signed_in;
    let owner = match &purpose {
        Purpose::Create => Some(session.viewer.name()),
        Purpose::Change { event, version: _, offers_submission: _ } => {
            owner_names(&board, &calls, page.texts, &[event]).await?.pop()
        }
    };
    let times = TypedTimes::read(&page.clock, form);
    let event = times.event(&page.clock, form);
    let facts = Facts::of(&page.clock, &event, owner);
    let facts = if times.are_times() { facts } else { Facts { when: None, ..facts } };
    let title = Some(event.title.clone()).filter(|title| !title.is_empty());
    let is_of_form = |name: &str| ![KEY, MEMBER, BUTTON].contains(&name);
    let fields = form.carried().filter(|(name, _)| is_of_form(name));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let page = purpose.highlight(page);
    render(&PreviewPage {
        title: title.unwrap_or_else(|| page.texts.event_form.no_title_yet.to_owned()),
        page,
        purpose,
        facts,
        paragraphs: event.paragraphs(),
        fields,
        form: resumed(form),
    })
}

/// The form as it was, with its key: it was not sent yet, or nobody knows whether it was.
fn resumed(form: &Form) -> FormView {
    let mut view = FormView::of(form.clone());
    if !form.key().is_empty() {
        view.key = form.key().to_owned();
    }
    view
}

impl Intent {
    fn of(form: &Form) -> Self {
        match form.value(BUTTON) {
            "submit" => Self::Submit,
            "preview" => Self::Preview,
            _ => Self::Save,
        }
    }
}

impl Purpose {
    fn change(page: &Page, event: Event, version: String) -> Self {
        let offers_submission = page.viewer().is_some_and(|viewer| EventSteps::of(viewer, &event).submit);
        Self::Change { event: Box::new(event), version, offers_submission }
    }

    /// Highlights the entry of the navigation to which the form belongs.
    fn highlight(&self, page: Page) -> Page {
        let is_own = |event: &Event| page.viewer().is_some_and(|viewer| event.is_owned_by(viewer));
        let section = match self.event() {
            None => Section::NewEvent,
            Some(event) if is_own(event) => Section::MyEvents,
            Some(event) if event.status == EventStatus::Submitted => Section::Review,
            Some(_) => Section::Events,
        };
        page.in_section(section)
    }

    /// Where the form is sent.
    fn action(&self) -> String {
        match self {
            Self::Create => NEW_PATH.to_owned(),
            Self::Change { event, version: _, offers_submission: _ } => format!("{}/edit", event.path()),
        }
    }

    /// What a moderator wants to be changed.
    fn rejection_reason(&self) -> Option<&str> {
        self.event()?.rejection_reason.as_deref()
    }

    fn event(&self) -> Option<&Event> {
        match self {
            Self::Create => None,
            Self::Change { event, version: _, offers_submission: _ } => Some(event),
        }
    }

    /// Whether what is saved is a draft.
    fn is_draft(&self) -> bool {
        self.event().is_none_or(|event| event.status == EventStatus::Draft)
    }

    /// Whether the page offers to submit the event.
    fn offers_submission(&self) -> bool {
        match self {
            Self::Create => true,
            Self::Change { event: _, version: _, offers_submission } => *offers_submission,
        }
    }
}

impl EventFormPage {
    fn create(page: Page, form: FormView) -> Self {
        let page = Purpose::Create.highlight(page);
        let intro = page.texts.event_form.new_intro.to_owned();
        Self { page, form, purpose: Purpose::Create, intro, notice: None }
    }

    fn change(page: Page, form: FormView, event: Event, version: String) -> Self {
        let purpose = Purpose::change(&page, event, version);
        let page = purpose.highlight(page);
        Self { page, form, purpose, intro: String::new(), notice: None }
    }

    /// What was typed about an event that was deleted meanwhile.
    fn gone(page: Page, form: &Form) -> Result<Response, PageError> {
        let mut gone = Self::create(page, FormView::of(form.clone()));
        let texts = &gone.page.texts.event_form;
        gone.notice = Some(Notice::plain(texts.deleted, texts.deleted_help.to_owned()));
        gone.render(StatusCode::NOT_FOUND)
    }

    /// Fills the form in with another event. Its times are kept if they are still to come.
    fn copy(&mut self, event: &Event) {
        let texts = &self.page.texts.event_form;
        let filled = typed::filled(&self.page.clock, event);
        let is_over = event.start <= self.page.clock.now;
        self.intro = if is_over { (texts.copy_of_past)(&event.title) } else { (texts.copy_of)(&event.title) };
        let is_kept =
            |name: &str| !(is_over && (name.starts_with("startDate") || name.starts_with("endDate")));
        let fields = filled.carried().filter(|(name, _)| is_kept(name));
        let form = Form::filled(fields.map(|(name, value)| (name, value.to_owned())));
        self.form = FormView::of(form);
    }

    /// The page for a form that the service has refused.
    fn refused(
        mut self,
        form: &Form,
        times: &TypedTimes,
        error: ServiceError,
    ) -> Result<Response, PageError> {
        let (texts, clock) = (self.page.texts, self.page.clock);
        if error.code() == ErrorCode::InvalidInput {
            let sentence = |field: &str, rule: &str| times.sentence(texts, &clock, field, rule);
            self.form = FormView::with_violations(form, error.violations(), sentence);
            return render_faults(&self);
        }
        self.form = FormView::of(form.clone());
        self.notice = self.explanation(form, &error);
        if self.notice.is_none() {
            return Err(error.into());
        }
        self.render(error.code().http())
    }

    /// What the author must know, where the form is the place to say it.
    fn explanation(&self, form: &Form, error: &ServiceError) -> Option<Notice> {
        let texts = &self.page.texts.event_form;
        match (error.code(), self.purpose.event()) {
            (ErrorCode::StaleVersion | ErrorCode::KeyReused, Some(event)) => Some(self.stale(form, event)),
            (ErrorCode::Forbidden, Some(event)) => {
                let text = (texts.not_yours_help)(self.page.texts.common.status(event.status));
                Some(Notice::plain(texts.not_yours, text))
            }
            (ErrorCode::KeyReused, None) => {
                let path = "/board/my-events".to_owned();
                let link = Some(Link { path, label: self.page.texts.common.my_events });
                let text = texts.sent_before_help.to_owned();
                Some(Notice { link, ..Notice::plain(texts.sent_before, text) })
            }
            (ErrorCode::QuotaExceeded, _) => Some(Notice::plain(texts.full, error.message().to_owned())),
            _ => None,
        }
    }

    fn stale(&self, form: &Form, event: &Event) -> Notice {
        let texts = &self.page.texts.event_form;
        let clock = &self.page.clock;
        let is_other = event.description.trim() != form.value("description").trim();
        let changed = clock.day_and_time(event.updated_at);
        let stored = Stored {
            title: event.title.clone(),
            facts: Facts::of(clock, event, None),
            other_description: is_other.then(|| event.paragraphs()),
            changed: Moment { iso: clock.iso(event.updated_at), text: changed },
        };
        let link = Some(Link { path: event.path(), label: texts.look_at_theirs });
        Notice { link, stored: Some(stored), ..Notice::plain(texts.stale, texts.stale_help.to_owned()) }
    }

    fn render(&self, status: StatusCode) -> Result<Response, PageError> {
        Ok((status, render(self)?).into_response())
    }

    /// The heading, which is also the title in the browser's tab.
    fn heading(&self) -> &'static str {
        match self.purpose {
            Purpose::Create => self.page.texts.common.new_event,
            Purpose::Change { event: _, version: _, offers_submission: _ } => self.page.texts.event_form.edit,
        }
    }

    /// Whether the page shows the event as it is now, beside what was typed.
    fn has_stored(&self) -> bool {
        self.notice.as_ref().is_some_and(|notice| notice.stored.is_some())
    }

    /// The zone of the times.
    fn zone(&self) -> String {
        (self.page.texts.event_form.zone)(self.page.clock.zone.name())
    }
}

impl Notice {
    fn plain(heading: &'static str, text: String) -> Self {
        Self { heading, text, link: None, stored: None }
    }
}
