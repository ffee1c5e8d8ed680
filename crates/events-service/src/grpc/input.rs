//! Messages turned into checked input. The gateway has checked it before; this port can be dialled
//! without the gateway.

use chrono::{DateTime, Utc};
use eventboard_chassis::token::Identity;
use eventboard_domain::{Faults, check_idempotency_key, rules};
use eventboard_proto::events::{
    CreateRequest, FindAllRequest, Idempotency, IfMatch as IfMatchMessage, SortBy as SortByMessage,
    UpdateRequest, find_all_request,
};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    command::{Change, Command, Draft, Patch},
    event::IfMatch,
    idempotency::GivenKey,
    listing::{Filter, SortBy},
    store, wire,
};

type Read = Result<(Command, Option<Idempotency>), Faults>;

pub(super) fn create(message: CreateRequest) -> Read {
    let mut faults = Faults::default();
    let title = faults.check("title", rules::title(&message.title));
    let description = faults.check("description", rules::description(&message.description));
    let location = message.location.map_or(Ok(None), |location| rules::location(&location));
    let location = faults.check("location", location);
    let start_date = faults.check("startDate", required_instant(message.start_date));
    let end_date = faults.check("endDate", required_instant(message.end_date));
    if let (Some(start), Some(end)) = (start_date, end_date) {
        faults.check("endDate", rules::chronological(start, end));
    }
    let (Some(title), Some(description), Some(location), Some(start_date), Some(end_date), true) =
        (title, description, location, start_date, end_date, faults.is_empty())
    else {
        return Err(faults);
    };
    Ok((Command::Create(Draft { title, description, location, start_date, end_date }), message.idempotency))
}

pub(super) fn update(message: UpdateRequest) -> Read {
    let mut faults = Faults::default();
    let title = message.title.and_then(|title| faults.check("title", rules::title(&title)));
    let description = message
        .description
        .and_then(|description| faults.check("description", rules::description(&description)));
    let location = message.location.and_then(|change| {
        let location = change.value.map_or(Ok(None), |location| rules::location(&location));
        faults.check("location", location)
    });
    let start_date = faults.check("startDate", instant(message.start_date)).flatten();
    let end_date = faults.check("endDate", instant(message.end_date)).flatten();
    faults.into_result()?;
    let patch = Patch { title, description, location, start_date, end_date };
    Ok((change(&message.id, message.if_match, Change::Update(patch))?, message.idempotency))
}

pub(super) fn change(
    event: &str,
    if_match: Option<IfMatchMessage>,
    change: Change,
) -> Result<Command, Faults> {
    let if_match = if_match
        .map(|condition| if condition.any { IfMatch::Any } else { IfMatch::Versions(condition.versions) });
    Ok(Command::Change { id: id(event)?, if_match, change })
}

pub(super) fn id(text: &str) -> Result<Uuid, Faults> {
    Uuid::try_parse(text).map_err(|_| Faults::one("id", "must be a UUID"))
}

/// The key of the call; a call without one gets one of its own, which protects nothing but keeps
/// every write on the same path.
pub(super) fn key(message: Option<Idempotency>) -> Result<GivenKey, Faults> {
    let Some(message) = message else {
        let id = Uuid::now_v7();
        return Ok(GivenKey { key: id.to_string(), request_id: id, generated: true });
    };
    let mut faults = Faults::default();
    let key = check_idempotency_key(message.key.as_bytes()).map(str::to_owned);
    let key = faults.check("Idempotency-Key", key);
    let request_id = Uuid::try_parse(&message.request_id).map_err(|_| "must be a UUID".to_owned());
    let request_id = faults.check("requestId", request_id);
    match (key, request_id) {
        (Some(key), Some(request_id)) => Ok(GivenKey { key, request_id, generated: message.generated }),
        _ => Err(faults),
    }
}

/// A listing with checked input; the cursor is checked where cursors are made.
pub(super) struct Listing {
    pub filter: Filter,
    pub position: Position,
    pub limit: u32,
}

pub(super) enum Position {
    Page(u64),
    Cursor(String),
}

pub(super) fn listing(caller: &Identity, message: FindAllRequest) -> Result<Listing, Faults> {
    let mut faults = Faults::default();
    if !rules::LIMIT.contains(&message.limit) {
        faults.add("limit", format!("must be from {} to {}", rules::LIMIT.start(), rules::LIMIT.end()));
    }
    let position = match message.position {
        None => Position::Page(1),
        Some(find_all_request::Position::Cursor(cursor)) => Position::Cursor(cursor),
        Some(find_all_request::Position::Page(page)) => {
            check_page(&mut faults, page, message.limit);
            Position::Page(page)
        }
    };
    let sort_by = faults.check("sortBy", sort_by(message.sort_by));
    let status = faults.check("status", wire::status_from_proto(message.status)).flatten();
    let search = faults.check("search", rules::search(&message.search)).flatten();
    let start_date_from = faults.check("startDateFrom", instant(message.start_date_from)).flatten();
    let start_date_to = faults.check("startDateTo", instant(message.start_date_to)).flatten();
    let (Some(sort_by), true) = (sort_by, faults.is_empty()) else { return Err(faults) };
    let filter = Filter {
        organization_id: caller.organization_id,
        only_visible_to: store::only_visible_to(caller),
        sort_by,
        descending: message.descending,
        status,
        search,
        start_date_from,
        start_date_to,
    };
    Ok(Listing { filter, position, limit: message.limit })
}

fn check_page(faults: &mut Faults, page: u64, limit: u32) {
    if page == 0 {
        faults.add("page", "must be at least 1");
    } else if page.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS {
        faults.add("page", format!("must not reach past row {}; use cursor instead", rules::MAX_PAGED_ROWS));
    }
}

fn sort_by(number: i32) -> Result<SortBy, String> {
    let sort_by = SortByMessage::try_from(number).map_err(|_| "is not a known sort key".to_owned())?;
    Ok(match sort_by {
        SortByMessage::StartDate => SortBy::StartDate,
        SortByMessage::CreatedAt => SortBy::CreatedAt,
        SortByMessage::Title => SortBy::Title,
        SortByMessage::Status => SortBy::Status,
    })
}

fn required_instant(timestamp: Option<Timestamp>) -> Result<DateTime<Utc>, String> {
    instant(timestamp)?.ok_or_else(|| rules::REQUIRED.to_owned())
}

fn instant(timestamp: Option<Timestamp>) -> Result<Option<DateTime<Utc>>, String> {
    let Some(Timestamp { seconds, nanos }) = timestamp else { return Ok(None) };
    let millis = seconds.saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000);
    rules::instant(millis).map(Some)
}
