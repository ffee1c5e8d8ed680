//! Messages turned into checked input. The gateway has checked it before; this port can be dialled
//! without the gateway.

use chrono::{DateTime, Utc};
use eventboard_domain::{
    EventChange, EventPatch, EventStatus, Faults, Identity, IfMatch, NewEvent, SortBy, Visibility,
    check_idempotency_key, rules,
};
use eventboard_idempotency::GivenKey;
use eventboard_proto::events::{
    ApproveRequest, CreateRequest, DeleteRequest, EventStatus as EventStatusMessage, FindAllRequest,
    Idempotency, IfMatch as IfMatchMessage, RejectRequest, SortBy as SortByMessage, SubmitRequest,
    UpdateRequest, find_all_request,
};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    listing::{Filter, Listing, PageAt},
    use_cases::{Change, Create},
};

pub(super) fn create(message: CreateRequest) -> Result<Create, Faults> {
    let CreateRequest { title, description, location, start_date, end_date, idempotency } = message;
    let content = new_event(&title, &description, location, start_date, end_date)?;
    Ok(Create { content, key: key(idempotency)? })
}

fn new_event(
    title: &str,
    description: &str,
    location: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
) -> Result<NewEvent, Faults> {
    let mut faults = Faults::default();
    let title = faults.check("title", rules::title(title));
    let description = faults.check("description", rules::description(description));
    let location = location.map_or(Ok(None), |location| rules::location(&location));
    let location = faults.check("location", location);
    let start_date = faults.check("startDate", required_instant(start_date));
    let end_date = faults.check("endDate", required_instant(end_date));
    if let (Some(start), Some(end)) = (start_date, end_date) {
        faults.check("endDate", rules::chronological(start, end));
    }
    let (Some(title), Some(description), Some(location), Some(start_date), Some(end_date), true) =
        (title, description, location, start_date, end_date, faults.is_empty())
    else {
        return Err(faults);
    };
    Ok(NewEvent { title, description, location, start_date, end_date })
}

pub(super) fn update(message: UpdateRequest) -> Result<Change, Faults> {
    let UpdateRequest { id, title, description, location, start_date, end_date, if_match, idempotency } =
        message;
    let mut faults = Faults::default();
    let title = title.and_then(|title| faults.check("title", rules::title(&title)));
    let description =
        description.and_then(|description| faults.check("description", rules::description(&description)));
    let location = location.and_then(|change| {
        let location = change.value.map_or(Ok(None), |location| rules::location(&location));
        faults.check("location", location)
    });
    let start_date = faults.check("startDate", instant(start_date)).flatten();
    let end_date = faults.check("endDate", instant(end_date)).flatten();
    faults.into_result()?;
    let patch = EventPatch { title, description, location, start_date, end_date };
    change(&id, if_match, EventChange::Update(patch), idempotency)
}

pub(super) fn delete(message: DeleteRequest) -> Result<Change, Faults> {
    let DeleteRequest { id, if_match, idempotency } = message;
    change(&id, if_match, EventChange::Delete, idempotency)
}

pub(super) fn submit(message: SubmitRequest) -> Result<Change, Faults> {
    let SubmitRequest { id, if_match, idempotency } = message;
    change(&id, if_match, EventChange::Submit, idempotency)
}

pub(super) fn approve(message: ApproveRequest) -> Result<Change, Faults> {
    let ApproveRequest { id, if_match, idempotency } = message;
    change(&id, if_match, EventChange::Approve, idempotency)
}

pub(super) fn reject(message: RejectRequest) -> Result<Change, Faults> {
    let RejectRequest { id, reason, if_match, idempotency } = message;
    let reason = rules::reason(&reason).map_err(|fault| Faults::one("reason", fault))?;
    change(&id, if_match, EventChange::Reject { reason }, idempotency)
}

fn change(
    event: &str,
    if_match: Option<IfMatchMessage>,
    change: EventChange,
    idempotency: Option<Idempotency>,
) -> Result<Change, Faults> {
    let if_match = if_match
        .map(|condition| if condition.any { IfMatch::Any } else { IfMatch::Versions(condition.versions) });
    Ok(Change { id: id(event)?, if_match, change, key: key(idempotency)? })
}

pub(super) fn id(text: &str) -> Result<Uuid, Faults> {
    Uuid::try_parse(text).map_err(|_| Faults::one("id", "must be a UUID"))
}

/// The key of the call; a call without one gets one of its own, which protects nothing but keeps
/// every write on the same path.
fn key(message: Option<Idempotency>) -> Result<GivenKey, Faults> {
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

pub(super) fn listing(caller: &Identity, message: FindAllRequest) -> Result<Listing, Faults> {
    let FindAllRequest {
        limit,
        position,
        sort_by,
        descending,
        status,
        search,
        start_date_from,
        start_date_to,
    } = message;
    let mut faults = Faults::default();
    if !rules::LIMIT.contains(&limit) {
        faults.add("limit", format!("must be from {} to {}", rules::LIMIT.start(), rules::LIMIT.end()));
    }
    let page = match position {
        None => PageAt::Number(1),
        Some(find_all_request::Position::Cursor(cursor)) => PageAt::Cursor(cursor),
        Some(find_all_request::Position::Page(page)) => {
            check_page(&mut faults, page, limit);
            PageAt::Number(page)
        }
    };
    let sort_by = faults.check("sortBy", known_sort_key(sort_by));
    let status = faults.check("status", known_status(status)).flatten();
    let search = faults.check("search", rules::search(&search)).flatten();
    let start_date_from = faults.check("startDateFrom", instant(start_date_from)).flatten();
    let start_date_to = faults.check("startDateTo", instant(start_date_to)).flatten();
    let (Some(sort_by), true) = (sort_by, faults.is_empty()) else { return Err(faults) };
    let filter = Filter {
        organization_id: caller.organization_id,
        visibility: Visibility::of(caller),
        sort_by,
        descending,
        status,
        search,
        start_date_from,
        start_date_to,
    };
    Ok(Listing { filter, page, limit })
}

fn check_page(faults: &mut Faults, page: u64, limit: u32) {
    if page == 0 {
        faults.add("page", "must be at least 1");
    } else if page.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS {
        faults.add("page", format!("must not reach past row {}; use cursor instead", rules::MAX_PAGED_ROWS));
    }
}

fn known_sort_key(number: i32) -> Result<SortBy, String> {
    let message = SortByMessage::try_from(number).ok();
    let sort_by = message.and_then(|message| SortBy::try_from(message).ok());
    sort_by.ok_or_else(|| "is not a known sort key".to_owned())
}

/// `None` when unspecified.
fn known_status(number: i32) -> Result<Option<EventStatus>, String> {
    let message = EventStatusMessage::try_from(number).map_err(|_| "is not a known status".to_owned())?;
    Ok(EventStatus::try_from(message).ok())
}

fn required_instant(timestamp: Option<Timestamp>) -> Result<DateTime<Utc>, String> {
    instant(timestamp)?.ok_or_else(|| rules::REQUIRED.to_owned())
}

fn instant(timestamp: Option<Timestamp>) -> Result<Option<DateTime<Utc>>, String> {
    let Some(Timestamp { seconds, nanos }) = timestamp else { return Ok(None) };
    let millis = seconds.saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000);
    rules::instant(millis).map(Some)
}
