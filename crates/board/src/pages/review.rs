//! `/board/review`: the queue of moderators.

mod origin;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use chrono::TimeDelta;
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::EventStatus;
use eventboard_proto::events::FindQueueRequest;
use http::{HeaderValue, header};
use uuid::Uuid;

pub(crate) use self::origin::Origin;
use super::event_facts::{Facts, Moment};
use crate::{
    Board,
    calls::{Calls, events_reply},
    dates::Clock,
    digest::entity_tag,
    error::PageError,
    event::{Event, StatusMark},
    event_lookup::{find_event, owner_names},
    form::{FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, render},
    texts::ReviewTexts,
};

/// The path of the queue.
const PATH: &str = "/board/review";

/// How many events the list shows at once.
const LIMIT: u32 = 50;

/// How long before its start an event is marked.
const SOON: TimeDelta = TimeDelta::days(7);

#[derive(Template)]
#[template(path = "pages/review.html")]
struct ReviewPage {
    page: Page,
    heading: String,
    rows: Vec<Row>,
    shown: Shown,
    cursor: Option<String>,
    next_cursor: Option<String>,
    /// The path that shows the same event again.
    path: String,
    tag: String,
}

#[derive(Template)]
#[template(path = "pages/review_keys.html")]
struct KeysPage {
    page: Page,
}

/// An event in the list.
struct Row {
    path: String,
    title: String,
    waiting: String,
    owner: String,
    urgency: Option<&'static str>,
    is_selected: bool,
}

/// What is beside the list.
enum Shown {
    /// Nothing waits.
    Nothing,
    /// An event to decide on.
    Waiting(Box<WaitingEvent>),
    /// An event that somebody else has decided on.
    Decided(Box<DecidedEvent>),
    /// An event that was deleted.
    Deleted { next: Option<String> },
}

struct WaitingEvent {
    event: Event,
    facts: Facts,
    since: Moment,
    urgency: Option<String>,
    origin: Origin,
    previous: Option<String>,
    next: Option<String>,
    form: FormView,
}

struct DecidedEvent {
    event: Event,
    mark: StatusMark,
    text: &'static str,
    next: Option<String>,
}

/// Why an event cannot wait for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Over,
    HasBegun,
    /// It starts within a week, in this number of days.
    Soon(i64),
}

/// A page of the queue.
struct Queue {
    events: Vec<Event>,
    cursor: Option<String>,
    next_cursor: Option<String>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(show)).route("/board/review/keys", get(show_keys))
}

async fn show_keys(signed_in: SignedIn) -> Result<Response, PageError> {
    if !signed_in.viewer().is_moderator() {
        return Err(PageError::not_found());
    }
    render(&KeysPage { page: signed_in.page.in_section(Section::Review) })
}

async fn show(signed_in: SignedIn, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let cursor = query.optional_text("cursor");
    let has_cursor = cursor.is_some();
    let queue = match queue(&board, &calls, cursor).await {
        // The events of this page were decided, or the cursor is none of this list.
        Ok(queue) if queue.events.is_empty() && has_cursor => return Ok(redirect(PATH)),
        Err(error) if error.code() == ErrorCode::InvalidInput && has_cursor => return Ok(redirect(PATH)),
        queue => queue?,
    };
    let asked = Uuid::try_parse(query.value("event")).ok();
    let selected = asked.map(|id| id.to_string()).or_else(|| Some(queue.events.first()?.id.clone()));
    let is_in_queue = |id: &String| queue.events.iter().any(|event| event.id == *id);
    let other = match selected.as_ref().filter(|id| !is_in_queue(id)) {
        Some(id) => Some(found(find_event(&board, &calls, id).await)?),
        None => None,
    };
    let owned: Vec<_> = queue.events.iter().chain(other.iter().flatten()).collect();
    let owners = owner_names(&board, &calls, page.texts, &owned).await?;
    let page = page.in_section(Section::Review);
    let page = ReviewPage::new(page, &queue, selected.as_deref(), other, &owners);
    let tag = HeaderValue::try_from(page.tag.as_str()).map_err(ServiceError::internal)?;
    let mut response = render(&page)?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

async fn queue(board: &Board, calls: &Calls, cursor: Option<String>) -> Result<Queue, ServiceError> {
    let message =
        FindQueueRequest { limit: LIMIT, cursor: cursor.clone().unwrap_or_default(), search: String::new() };
    let reply = events_reply(board.clients().events().find_queue(calls.request(message)).await)?;
    let events = reply.events.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
    Ok(Queue { events, cursor, next_cursor: reply.next_cursor })
}

/// The event of a call. `None` if it was deleted.
fn found(result: Result<Event, ServiceError>) -> Result<Option<Event>, ServiceError> {
    match result {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl ReviewPage {
    /// The page of a queue. `other` is the selected event if it is not in the queue, `Some(None)` if there is no such event. The owners
    /// are those of the queue, and then the one of the other event.
    fn new(
        page: Page,
        queue: &Queue,
        selected: Option<&str>,
        other: Option<Option<Event>>,
        owners: &[String],
    ) -> Self {
        let rows = queue.events.iter().zip(owners).map(|(event, owner)| {
            let is_selected = selected == Some(event.id.as_str());
            Row::of(&page, queue, event, owner.clone(), is_selected)
        });
        let rows: Vec<_> = rows.collect();
        let index = queue.events.iter().position(|event| selected == Some(event.id.as_str()));
        let shown = match (index, other) {
            (Some(index), _) => Shown::of_queue(&page, queue, index, owners.get(index)),
            (None, None) => Shown::Nothing,
            (None, Some(None)) => Shown::Deleted { next: queue.path_of(0) },
            (None, Some(Some(event))) => Shown::other(&page, queue, event, owners.last()),
        };
        let waiting = page.waiting;
        let heading = match waiting {
            Some(waiting) => (page.texts.review.queue_heading)(waiting.count as usize, waiting.is_exact),
            None => (page.texts.review.queue_heading)(rows.len(), queue.next_cursor.is_none()),
        };
        let tag = queue.tag(&page, selected, &shown, owners);
        let path = queue.path(selected);
        let (cursor, next_cursor) = (queue.cursor.clone(), queue.next_cursor.clone());
        Self { page, heading, rows, shown, cursor, next_cursor, path, tag }
    }

    /// The path of the next page of the list.
    fn more_path(&self) -> Option<String> {
        self.next_cursor.as_ref().map(|cursor| origin::queue_path(None, Some(cursor)))
    }
}

impl Queue {
    /// The path that shows an event beside this list.
    fn path(&self, event: Option<&str>) -> String {
        origin::queue_path(event, self.cursor.as_deref())
    }

    /// The path that shows the event with this index.
    fn path_of(&self, index: usize) -> Option<String> {
        self.events.get(index).map(|event| format!("{}#event", self.path(Some(&event.id))))
    }

    /// The event that is shown after a decision on this one: the one below it, or else the first one.
    fn after(&self, id: &str) -> Option<String> {
        let others = || self.events.iter().filter(|event| event.id != id);
        let below = self.events.iter().skip_while(|event| event.id != id).nth(1);
        below.or_else(|| others().next()).map(|event| event.id.clone())
    }

    /// Differs whenever the page looks different, but for the keys of its forms and the banner.
    fn tag(&self, page: &Page, selected: Option<&str>, shown: &Shown, owners: &[String]) -> String {
        let Self { events, cursor, next_cursor } = self;
        let row = |event: &Event| {
            let waiting = page.clock.waiting(waits_since(event));
            (event.id.clone(), event.version, waiting, Urgency::of(&page.clock, event))
        };
        let waiting = page.waiting.map(|waiting| (waiting.count, waiting.is_exact));
        let shown = shown.event().map(|event| (row(event), event.status));
        entity_tag(&(
            (selected, cursor, next_cursor, shown, events.iter().map(row).collect::<Vec<_>>(), owners),
            (waiting, page.clock.today(), page.texts.language),
            &page.assets.style.path,
        ))
    }
}

impl Row {
    fn of(page: &Page, queue: &Queue, event: &Event, owner: String, is_selected: bool) -> Self {
        let urgency = Urgency::of(&page.clock, event);
        Self {
            path: format!("{}#event", queue.path(Some(&event.id))),
            title: event.title.clone(),
            waiting: page.clock.waiting(waits_since(event)),
            owner,
            urgency: urgency.map(|urgency| urgency.mark(&page.texts.review)),
            is_selected,
        }
    }
}

impl Shown {
    /// The event with this index in the queue.
    fn of_queue(page: &Page, queue: &Queue, index: usize, owner: Option<&String>) -> Self {
        let Some(event) = queue.events.get(index).cloned() else { return Self::Nothing };
        let previous = index.checked_sub(1).and_then(|index| queue.path_of(index));
        let waiting = WaitingEvent::of(page, queue, event, owner.cloned());
        Self::Waiting(Box::new(WaitingEvent { previous, next: queue.path_of(index + 1), ..waiting }))
    }

    /// An event that is not in this list: it was decided, or it is further behind.
    fn other(page: &Page, queue: &Queue, event: Event, owner: Option<&String>) -> Self {
        let (texts, next) = (page.texts, queue.path_of(0));
        let decided = |event: Event, text| {
            let mark = StatusMark::of(&texts.common, event.status);
            Self::Decided(Box::new(DecidedEvent { event, mark, text, next: next.clone() }))
        };
        match event.status {
            EventStatus::Submitted => {
                let waiting = WaitingEvent::of(page, queue, event, owner.cloned());
                Self::Waiting(Box::new(WaitingEvent { next: queue.path_of(0), ..waiting }))
            }
            EventStatus::Approved => decided(event, texts.review.published_meanwhile),
            EventStatus::Rejected => decided(event, texts.review.sent_back_meanwhile),
            EventStatus::Draft => decided(event, texts.review.draft_meanwhile),
        }
    }

    fn event(&self) -> Option<&Event> {
        match self {
            Self::Nothing | Self::Deleted { next: _ } => None,
            Self::Waiting(waiting) => Some(&waiting.event),
            Self::Decided(decided) => Some(&decided.event),
        }
    }
}

impl WaitingEvent {
    fn of(page: &Page, queue: &Queue, event: Event, owner: Option<String>) -> Self {
        let clock = &page.clock;
        let texts = &page.texts.review;
        let since = waits_since(&event);
        let text = (texts.in_review_since)(&clock.day_and_time(since), &clock.waiting(since));
        Self {
            facts: Facts::of(clock, &event, owner),
            since: Moment { iso: clock.iso(since), text },
            urgency: Urgency::of(clock, &event).map(|urgency| urgency.sentence(texts)),
            origin: Origin::queue(queue.after(&event.id), queue.cursor.clone()),
            previous: None,
            next: None,
            form: FormView::empty(),
            event,
        }
    }
}

impl Urgency {
    fn of(clock: &Clock, event: &Event) -> Option<Self> {
        match clock.now {
            now if event.end <= now => Some(Self::Over),
            now if event.start <= now => Some(Self::HasBegun),
            now if event.start - now < SOON => {
                Some(Self::Soon((clock.date(event.start) - clock.today()).num_days()))
            }
            _ => None,
        }
    }

    /// The mark in the list.
    fn mark(self, texts: &ReviewTexts) -> &'static str {
        match self {
            Self::Over => texts.already_over,
            Self::HasBegun => texts.has_begun,
            Self::Soon(_) => texts.starts_soon,
        }
    }

    fn sentence(self, texts: &ReviewTexts) -> String {
        match self {
            Self::Over => texts.already_over_long.to_owned(),
            Self::HasBegun => texts.has_begun_long.to_owned(),
            Self::Soon(days) => (texts.starts_in)(days),
        }
    }
}

/// Since when an event waits. What was submitted before this was recorded has waited since its last change at least.
fn waits_since(event: &Event) -> chrono::DateTime<chrono::Utc> {
    event.submitted_at.unwrap_or(event.updated_at)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    use super::*;
    use crate::texts::ENGLISH;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn event(id: &str, start: &str, end: &str) -> Event {
        Event {
            id: id.into(),
            title: "A title".into(),
            description: "A description".into(),
            location: None,
            start: utc(start),
            end: utc(end),
            status: EventStatus::Submitted,
            rejection_reason: None,
            owner_id: "u".into(),
            created_at: utc("2026-03-01T09:00:00Z"),
            updated_at: utc("2026-03-01T10:00:00Z"),
            submitted_at: None,
            version: 2,
        }
    }

    fn queue(ids: &[&str]) -> Queue {
        let events = ids.iter().map(|id| event(id, "2026-06-01T09:00:00Z", "2026-06-01T10:00:00Z"));
        Queue { events: events.collect(), cursor: None, next_cursor: None }
    }

    #[test]
    fn after_a_decision_comes_the_event_below_or_else_the_first_one() {
        let queue = queue(&["a", "b", "c"]);
        assert_eq!(queue.after("a").as_deref(), Some("b"));
        assert_eq!(queue.after("c").as_deref(), Some("a"));
        assert_eq!(queue.after("of another page").as_deref(), Some("a"));
        assert_eq!(self::queue(&["a"]).after("a"), None);
    }

    #[test]
    fn an_event_is_marked_in_the_week_before_it_starts_and_afterwards() {
        let now = utc("2026-03-02T22:30:00Z");
        let clock = Clock { now, zone: Tz::Europe__Berlin, texts: &ENGLISH.dates };
        let mark = |start, end| Urgency::of(&clock, &event("e", start, end));
        assert_eq!(mark("2026-03-09T22:30:00Z", "2026-03-10T09:00:00Z"), None);
        assert_eq!(mark("2026-03-09T22:29:00Z", "2026-03-10T09:00:00Z"), Some(Urgency::Soon(7)));
        let tomorrow = mark("2026-03-02T23:30:00Z", "2026-03-03T09:00:00Z");
        assert_eq!(tomorrow, Some(Urgency::Soon(1)), "the day is that of the reader");
        assert_eq!(mark("2026-03-02T22:00:00Z", "2026-03-03T09:00:00Z"), Some(Urgency::HasBegun));
        assert_eq!(mark("2026-03-02T22:00:00Z", "2026-03-02T22:30:00Z"), Some(Urgency::Over));
        assert_eq!((ENGLISH.review.starts_in)(1), "Starts tomorrow");
    }

    #[test]
    fn the_page_has_another_tag_once_something_on_it_has_changed() {
        let page = Page::new(None, None);
        let owners = ["Ola".to_owned(), "Ola".to_owned()];
        let tag = |queue: &Queue, selected, shown: &Shown, owners: &[String]| {
            queue.tag(&page, selected, shown, owners)
        };
        let tag_of = |queue: &Queue| tag(queue, Some("a"), &Shown::Nothing, &owners);
        let before = tag_of(&queue(&["a", "b"]));
        assert_eq!(tag_of(&queue(&["a", "b"])), before);
        assert_ne!(tag_of(&queue(&["a"])), before);
        let mut changed = queue(&["a", "b"]);
        changed.events[1].version += 1;
        assert_ne!(tag_of(&changed), before);
        assert_ne!(tag(&queue(&["a", "b"]), Some("b"), &Shown::Nothing, &owners), before);
        let renamed = ["Ola".to_owned(), "Rana".to_owned()];
        assert_ne!(tag(&queue(&["a", "b"]), Some("a"), &Shown::Nothing, &renamed), before);
    }
}
