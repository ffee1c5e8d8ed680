//! What is done with an event: submit, delete, publish, send back.

use askama::Template;
use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{EventStatus, rules};
use eventboard_proto::events::{ApproveRequest, DeleteRequest, EventReply, RejectRequest, SubmitRequest};
use http::StatusCode;
use uuid::Uuid;

use super::{
    event_facts::{Facts, Moment},
    review::Origin,
};
use crate::{
    Board,
    banner::Banner,
    calls::{Calls, events_reply, if_version},
    error::PageError,
    event::{Event, StatusMark},
    event_lookup::{find_event, owner_names},
    event_steps::EventSteps,
    form::{Form, FormBody, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, redirect_with_banner, render},
    texts::Texts,
};

/// Something that is done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Submit,
    Delete,
    Publish,
    SendBack,
}

#[derive(Template)]
#[template(path = "pages/event_delete.html")]
struct DeletePage {
    page: Page,
    form: FormView,
    event: Event,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "pages/event_reject.html")]
struct RejectPage {
    page: Page,
    form: FormView,
    event: Event,
    /// The version that the moderator has seen.
    version: String,
    owner: String,
    facts: Facts,
    origin: Origin,
    /// The event, if it has changed since the moderator has seen it.
    changed: Option<ShownEvent>,
}

/// The page for an action that is not possible, because the event has gone on.
#[derive(Template)]
#[template(path = "pages/event_gone_on.html")]
struct GoneOnPage {
    page: Page,
    heading: &'static str,
    text: String,
    /// What was typed, to copy it.
    typed: Option<String>,
    event: Event,
    mark: StatusMark,
    shown: ShownEvent,
    way_on: WayOn,
    origin: Origin,
    form: FormView,
}

/// What a page shows of an event that has changed.
struct ShownEvent {
    facts: Facts,
    changed: Moment,
}

/// What the page offers, the main thing first.
enum WayOn {
    /// The next event of the queue, or the event.
    Next,
    /// Only the event.
    Look,
    /// The same action, now that the event has been read again.
    Submit,
    Delete,
    Publish,
}

pub(super) fn routes() -> Router<Board> {
    Router::new()
        .route("/board/events/{id}/submit", post(submit))
        .route("/board/events/{id}/delete", get(ask_to_delete).post(delete))
        .route("/board/events/{id}/approve", post(approve))
        .route("/board/events/{id}/reject", get(ask_for_reason).post(reject))
}

async fn submit(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = event_id(&id)?;
    if form.is_to_be_shown() {
        return Ok(redirect(&event_path(id)));
    }
    let SignedIn { board, calls, page: _, session, secret: _ } = &signed_in;
    match submit_event(board, calls, &id.to_string(), form.value("version"), form.key()).await {
        Ok(_) => Ok(redirect_with_banner(board, &event_path(id), Banner::submitted(Some(&session.viewer)))),
        Err(error) if error.code() == ErrorCode::Forbidden && session.viewer.must_verify_email => {
            Ok(redirect_with_banner(board, &event_path(id), Banner::SavedNotSubmitted))
        }
        Err(error) => explain(signed_in, Action::Submit, id, &form, error).await,
    }
}

/// Submits the version of an event that a page showed.
///
/// # Errors
/// The failed call.
pub(super) async fn submit_event(
    board: &Board,
    calls: &Calls,
    id: &str,
    version: &str,
    key: &str,
) -> Result<EventReply, ServiceError> {
    let message = SubmitRequest {
        id: id.to_owned(),
        if_match: if_version(version),
        if_none_match: None,
        idempotency: Some(calls.idempotency(key)),
    };
    events_reply(board.clients().events().submit(calls.request(message)).await)
}

async fn ask_to_delete(signed_in: SignedIn, Path(id): Path<String>) -> Result<Response, PageError> {
    let SignedIn { board, calls, page, session, secret: _ } = signed_in;
    let event = find_event(&board, &calls, &id).await?;
    if !EventSteps::of(&session.viewer, &event).delete {
        return Err(PageError::forbidden());
    }
    let is_own = event.is_owned_by(&session.viewer);
    let section = if is_own { Section::MyEvents } else { Section::Events };
    render(&DeletePage { page: page.in_section(section), form: FormView::empty(), event, is_own })
}

async fn delete(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = event_id(&id)?;
    if form.is_to_be_shown() {
        return ask_to_delete(signed_in, Path(id.to_string())).await;
    }
    let SignedIn { board, calls, page: _, session: _, secret: _ } = &signed_in;
    let message = DeleteRequest {
        id: id.to_string(),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(calls.idempotency(form.key())),
    };
    let list = if form.has("own") { "/board/my-events" } else { "/board/events" };
    match events_reply(board.clients().events().delete(calls.request(message)).await) {
        Ok(_) => Ok(redirect_with_banner(board, list, Banner::EventDeleted)),
        Err(error) => explain(signed_in, Action::Delete, id, &form, error).await,
    }
}

async fn approve(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = event_id(&id)?;
    let origin = Origin::of_form(&form);
    if form.is_to_be_shown() {
        return Ok(redirect(&origin.back(&id.to_string())));
    }
    let SignedIn { board, calls, page: _, session: _, secret: _ } = &signed_in;
    let message = ApproveRequest {
        id: id.to_string(),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(calls.idempotency(form.key())),
    };
    match events_reply(board.clients().events().approve(calls.request(message)).await) {
        Ok(_) => Ok(redirect_with_banner(board, &origin.next(&id.to_string()), Banner::Published)),
        Err(error) => explain(signed_in, Action::Publish, id, &form, error).await,
    }
}

async fn ask_for_reason(
    signed_in: SignedIn,
    Path(id): Path<String>,
    QueryFields(query): QueryFields,
) -> Result<Response, PageError> {
    let origin = Origin::of_form(&query);
    let event = match find_event(&signed_in.board, &signed_in.calls, &id).await {
        Err(error) if is_gone_from_queue(&error, &origin) => return Ok(redirect(&origin.back(&id))),
        event => event?,
    };
    let steps = EventSteps::of(signed_in.viewer(), &event);
    if event.status == EventStatus::Submitted && !steps.send_back {
        return Err(PageError::forbidden());
    }
    if event.status != EventStatus::Submitted {
        return gone_on(signed_in, Action::SendBack, event, origin, None, StatusCode::OK).await;
    }
    let version = event.version.to_string();
    let page = reject_page(signed_in, event, FormView::empty(), version, origin).await?;
    render(&page)
}

async fn reject(
    signed_in: SignedIn,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = event_id(&id)?;
    let origin = Origin::of_form(&form);
    let SignedIn { board, calls, page, session: _, secret: _ } = &signed_in;
    if form.is_to_be_shown() {
        let event = find_event(board, calls, &id.to_string()).await?;
        let view = FormView::of((*form).clone());
        let page = reject_page(signed_in, event, view, form.text("version"), origin).await?;
        return render(&page);
    }
    let message = RejectRequest {
        id: id.to_string(),
        reason: form.text("reason"),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(calls.idempotency(form.key())),
    };
    match events_reply(board.clients().events().reject(calls.request(message)).await) {
        Ok(_) => Ok(redirect_with_banner(board, &origin.next(&id.to_string()), Banner::SentBack)),
        Err(error) if error.code() == ErrorCode::InvalidInput => {
            let texts = page.texts;
            let sentence = |field: &str, rule: &str| reason_sentence(texts, field, rule);
            let view = FormView::with_violations(&form, error.violations(), sentence);
            let event = find_event(board, calls, &id.to_string()).await?;
            let page = reject_page(signed_in, event, view, form.text("version"), origin).await?;
            Ok((StatusCode::BAD_REQUEST, render(&page)?).into_response())
        }
        Err(error) => explain(signed_in, Action::SendBack, id, &form, error).await,
    }
}

fn reason_sentence(texts: &Texts, field: &str, rule: &str) -> String {
    match field {
        "reason" if rule == rules::REQUIRED => texts.review.reason_missing.to_owned(),
        "reason" => (texts.common.violation)(texts.review.the_reason, rule),
        _ => (texts.common.violation)(field, rule),
    }
}

/// Tells why an action is not possible, with the event as it is now and the way on.
async fn explain(
    signed_in: SignedIn,
    action: Action,
    id: Uuid,
    form: &Form,
    error: ServiceError,
) -> Result<Response, PageError> {
    let origin = Origin::of_form(form);
    if is_gone_from_queue(&error, &origin) {
        return Ok(redirect(&origin.back(&id.to_string())));
    }
    let can_explain = match error.code() {
        ErrorCode::StaleVersion | ErrorCode::WrongStatus | ErrorCode::KeyReused => true,
        ErrorCode::Forbidden => action == Action::Delete,
        _ => false,
    };
    if !can_explain {
        return Err(error.into());
    }
    let event = find_event(&signed_in.board, &signed_in.calls, &id.to_string()).await?;
    if action == Action::SendBack && event.status == EventStatus::Submitted {
        let version = event.version.to_string();
        let changed = ShownEvent::of(&signed_in, &event, None);
        let view = FormView::of(form.clone());
        let mut page = reject_page(signed_in, event, view, version, origin).await?;
        page.changed = Some(changed);
        return Ok((error.code().http(), render(&page)?).into_response());
    }
    let typed = form.optional_text("reason").filter(|_| action == Action::SendBack);
    gone_on(signed_in, action, event, origin, typed, error.code().http()).await
}

/// Whether the event was deleted while the queue showed it. The queue tells that, and leads to the next one.
fn is_gone_from_queue(error: &ServiceError, origin: &Origin) -> bool {
    error.code() == ErrorCode::NotFound && origin.is_queue()
}

async fn gone_on(
    signed_in: SignedIn,
    action: Action,
    event: Event,
    origin: Origin,
    typed: Option<String>,
    status: StatusCode,
) -> Result<Response, PageError> {
    let texts = signed_in.page.texts;
    let owner = owner_names(&signed_in.board, &signed_in.calls, texts, &[&event]).await?.pop();
    let shown = ShownEvent::of(&signed_in, &event, owner);
    let is_forbidden = status == StatusCode::FORBIDDEN;
    let (heading, text, way_on) = explanation(texts, action, event.status, is_forbidden);
    let is_own = event.is_owned_by(signed_in.viewer());
    let section = match action {
        Action::Publish | Action::SendBack => Section::Review,
        Action::Submit | Action::Delete if is_own => Section::MyEvents,
        Action::Submit | Action::Delete => Section::Events,
    };
    let page = signed_in.page.in_section(section);
    let mark = StatusMark::of(&texts.common, event.status);
    let form = FormView::empty();
    let page = GoneOnPage { page, heading, text, typed, event, mark, shown, way_on, origin, form };
    Ok((status, render(&page)?).into_response())
}

/// What has happened to the event, and what to do now.
fn explanation(
    texts: &Texts,
    action: Action,
    status: EventStatus,
    is_forbidden: bool,
) -> (&'static str, String, WayOn) {
    let words = &texts.review;
    let changed = |way_on| (words.changed, words.changed_help.to_owned(), way_on);
    match (action, status) {
        (Action::Delete, _) if is_forbidden => {
            let text = (words.not_deletable_help)(texts.common.status(status));
            (words.not_deletable, text, WayOn::Look)
        }
        (Action::Delete, _) => changed(WayOn::Delete),
        (Action::Submit, EventStatus::Draft | EventStatus::Rejected) => changed(WayOn::Submit),
        (Action::Submit, EventStatus::Submitted) => {
            (words.in_review_already, words.in_review_already_help.to_owned(), WayOn::Look)
        }
        (Action::Submit, EventStatus::Approved) => {
            (words.decided, words.published_meanwhile.to_owned(), WayOn::Look)
        }
        (Action::Publish | Action::SendBack, EventStatus::Submitted) => changed(WayOn::Publish),
        (Action::Publish | Action::SendBack, EventStatus::Approved) => {
            (words.decided, words.published_meanwhile.to_owned(), WayOn::Next)
        }
        (Action::Publish | Action::SendBack, EventStatus::Rejected) => {
            (words.decided, words.sent_back_meanwhile.to_owned(), WayOn::Next)
        }
        (Action::Publish | Action::SendBack, EventStatus::Draft) => {
            (words.decided, words.draft_meanwhile.to_owned(), WayOn::Next)
        }
    }
}

async fn reject_page(
    signed_in: SignedIn,
    event: Event,
    form: FormView,
    version: String,
    origin: Origin,
) -> Result<RejectPage, PageError> {
    let SignedIn { board, calls, page, session: _, secret: _ } = signed_in;
    let owner = owner_names(&board, &calls, page.texts, &[&event]).await?.pop().unwrap_or_default();
    let facts = Facts::of(&page.clock, &event, None);
    let page = page.in_section(Section::Review);
    Ok(RejectPage { page, form, event, version, owner, facts, origin, changed: None })
}

impl ShownEvent {
    fn of(signed_in: &SignedIn, event: &Event, owner: Option<String>) -> Self {
        let clock = &signed_in.page.clock;
        let text = (signed_in.page.texts.event_form.changed_at)(&clock.day_and_time(event.updated_at));
        let changed = Moment { iso: clock.iso(event.updated_at), text };
        Self { facts: Facts::of(clock, event, owner), changed }
    }
}

/// The ID of an event in a path.
fn event_id(text: &str) -> Result<Uuid, PageError> {
    Uuid::try_parse(text).map_err(|_| PageError::not_found())
}

fn event_path(id: Uuid) -> String {
    format!("/board/events/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    fn heading(action: Action, status: EventStatus, is_forbidden: bool) -> &'static str {
        explanation(&ENGLISH, action, status, is_forbidden).0
    }

    #[test]
    fn a_moderator_learns_that_the_event_was_decided_or_has_changed() {
        for action in [Action::Publish, Action::SendBack] {
            for status in [EventStatus::Approved, EventStatus::Rejected, EventStatus::Draft] {
                assert_eq!(heading(action, status, false), ENGLISH.review.decided);
            }
            assert_eq!(heading(action, EventStatus::Submitted, false), ENGLISH.review.changed);
        }
    }

    #[test]
    fn an_author_learns_what_the_event_is_now() {
        let heading = |status| heading(Action::Submit, status, false);
        assert_eq!(heading(EventStatus::Submitted), ENGLISH.review.in_review_already);
        assert_eq!(heading(EventStatus::Draft), ENGLISH.review.changed);
    }

    #[test]
    fn an_event_that_may_not_be_deleted_is_not_asked_for_again() {
        let (heading, text, way_on) = explanation(&ENGLISH, Action::Delete, EventStatus::Approved, true);
        assert_eq!(heading, ENGLISH.review.not_deletable);
        assert!(text.contains("Published") && matches!(way_on, WayOn::Look));
    }
}
