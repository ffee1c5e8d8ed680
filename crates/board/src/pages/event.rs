//! `/board/events/{id}`: one event, and what to do with it next.

use askama::Template;
use axum::{Router, extract::Path, response::Response, routing::get};
use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::EventStatus;
use http::{HeaderValue, header};

use crate::{
    Board,
    dates::Clock,
    digest::entity_tag,
    error::PageError,
    event::{Event, StatusMark},
    event_lookup::{find_event, owner_names},
    event_steps::EventSteps,
    form::FormView,
    page::{Page, Section, SignedIn, render},
    viewer::Viewer,
};

#[derive(Template)]
#[template(path = "pages/event.html")]
struct EventPage {
    page: Page,
    event: Event,
    /// The name of its owner.
    author: String,
    is_own: bool,
    steps: EventSteps,
    /// The keys of the buttons.
    form: FormView,
    /// The entity tag of the page, with which it asks whether it has changed.
    tag: String,
}

/// The page from which one comes, usually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Events,
    MyEvents,
    Review,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/events/{id}", get(show))
}

async fn show(signed_in: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session, secret: _ } = signed_in;
    let event = find_event(&board, &calls, &id).await?;
    let viewer = &session.viewer;
    let is_own = event.is_owned_by(viewer);
    let author = match is_own {
        true => viewer.name(),
        false => owner_names(&board, &calls, page.texts, &[&event]).await?.pop().unwrap_or_default(),
    };
    let steps = EventSteps::of(viewer, &event);
    let section = origin(viewer, &event).section();
    let page = page.in_section(section);
    let form = FormView::empty();
    let mut page = EventPage { page, event, author, is_own, steps, form, tag: String::new() };
    page.tag = page.entity_tag();
    let tag = HeaderValue::try_from(page.tag.as_str()).map_err(ServiceError::internal)?;
    let mut response = render(&page)?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn origin(viewer: &Viewer, event: &Event) -> Origin {
    let is_own = event.is_owned_by(viewer);
    match event.status {
        EventStatus::Approved => Origin::Events,
        EventStatus::Submitted if viewer.is_moderator() => Origin::Review,
        EventStatus::Draft | EventStatus::Submitted | EventStatus::Rejected if is_own => Origin::MyEvents,
        EventStatus::Draft | EventStatus::Submitted | EventStatus::Rejected => Origin::Events,
    }
}

impl Origin {
    const fn section(self) -> Section {
        match self {
            Self::Events => Section::Events,
            Self::MyEvents => Section::MyEvents,
            Self::Review => Section::Review,
        }
    }
}

impl EventPage {
    fn origin(&self) -> Origin {
        self.page.viewer().map_or(Origin::Events, |viewer| origin(viewer, &self.event))
    }

    fn mark(&self) -> StatusMark {
        StatusMark::of(&self.page.texts.common, self.event.status)
    }

    fn is_published(&self) -> bool {
        self.event.status == EventStatus::Approved
    }

    fn back_path(&self) -> &'static str {
        match self.origin() {
            Origin::Events => super::events::PATH,
            Origin::MyEvents => super::my_events::PATH,
            Origin::Review => "/board/review",
        }
    }

    fn back_label(&self) -> &'static str {
        let texts = &self.page.texts.common;
        match self.origin() {
            Origin::Events => texts.events,
            Origin::MyEvents => texts.my_events,
            Origin::Review => texts.review,
        }
    }

    /// The path of something to do with the event.
    fn path(&self, step: &str) -> String {
        format!("{}/{step}", self.event.path())
    }

    /// What the status means now. `None` for a published event, which everybody understands.
    fn note(&self) -> Option<String> {
        let texts = &self.page.texts.events;
        let clock = &self.page.clock;
        let since = self.event.submitted_at.map(|at| clock.day(clock.date(at)));
        match self.event.status {
            EventStatus::Approved => None,
            EventStatus::Draft if self.is_own && self.steps.needs_verified_email => {
                Some(texts.unverified_draft_note.to_owned())
            }
            EventStatus::Draft if self.is_own => Some(texts.draft_note.to_owned()),
            EventStatus::Draft => Some(texts.draft_of_other_note.to_owned()),
            EventStatus::Submitted if self.steps.publish || !self.is_own => {
                let age = self.event.submitted_at.map(|at| clock.waiting(at));
                Some((texts.to_decide_note)(since.as_deref(), age.as_deref()))
            }
            EventStatus::Submitted => Some((texts.in_review_note)(since.as_deref())),
            EventStatus::Rejected if self.is_own => Some(texts.sent_back_note.to_owned()),
            EventStatus::Rejected => Some(texts.sent_back_to_other_note.to_owned()),
        }
    }

    /// Whether editing is the next step: what was sent back is to be changed, and without a verified address there is no other one.
    fn is_edit_main(&self) -> bool {
        let is_next = match self.event.status {
            EventStatus::Rejected => true,
            EventStatus::Draft => !self.steps.submit,
            EventStatus::Submitted | EventStatus::Approved => false,
        };
        is_next && self.is_own && self.steps.edit
    }

    /// Whether submitting is the next step.
    fn is_submit_main(&self) -> bool {
        self.steps.submit && !self.is_edit_main()
    }

    /// When it is in the zone of the organization, if that differs from the reader's.
    fn when_elsewhere(&self) -> Option<String> {
        let viewer = self.page.viewer()?;
        let clock = Clock { zone: viewer.organization_zone, ..self.page.clock };
        let when = clock.when(&self.event);
        let city = viewer.organization_zone.name().rsplit('/').next()?.replace('_', " ");
        let differs = when != self.page.clock.when(&self.event);
        differs.then(|| (self.page.texts.dates.in_zone)(&when, &city))
    }

    fn changed(&self) -> String {
        (self.page.texts.events.changed)(&self.page.clock.day_and_time(self.event.updated_at))
    }

    /// Identifies what the page shows, but for the keys of its buttons and the line on top.
    fn entity_tag(&self) -> String {
        let viewer = self.page.viewer();
        let waiting = self.page.waiting.map(|waiting| (waiting.count, waiting.is_exact));
        entity_tag(&(
            (&self.event.id, self.event.version, &self.author, self.steps, self.note()),
            (viewer, waiting, self.page.clock.today(), self.page.texts.language),
            &self.page.assets.style.path,
        ))
    }

    fn iso(&self, at: DateTime<Utc>) -> String {
        self.page.clock.iso(at)
    }
}
