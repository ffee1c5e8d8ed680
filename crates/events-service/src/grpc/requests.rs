//! Converts protobuf requests into validated input. The gateway applies the same validation rules, but clients can
//! call this port without the gateway.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use eventboard_domain::{
    EventChange, EventPatch, EventStatus, Identity, NewEvent, Preconditions, SortBy, Violations, Visibility,
    rules,
};
use eventboard_proto::{
    convert::{checked_instant, preconditions},
    events::{
        ApproveRequest, CreateRequest, DeleteRequest, EventStatus as EventStatusMessage, FindAllRequest,
        FindDaysRequest, FindQueueRequest, RejectRequest, SortBy as SortByMessage, SubmitRequest,
        TransferRequest, UpdateRequest, find_all_request,
    },
    writes::Idempotency,
};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    copy::CopyPosition,
    days::DaysQuery,
    listing::{ListCriteria, ListQuery, PageSelector},
    queue::QueueQuery,
    use_cases::{ChangeCommand, CreateCommand, TransferCommand},
};

pub(super) fn create(message: CreateRequest) -> Result<CreateCommand, Violations> {
    let CreateRequest {
        title,
        description,
        location,
        start_date,
        end_date,
        if_match,
        if_none_match,
        idempotency,
    } = message;
    let content = new_event(&title, &description, location, start_date, end_date)?;
    let preconditions = preconditions(if_match, if_none_match);
    Ok(CreateCommand { content, preconditions, key: idempotency.try_into()? })
}

fn new_event(
    title: &str,
    description: &str,
    location: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
) -> Result<NewEvent, Violations> {
    let mut violations = Violations::default();
    let title = violations.check("title", rules::title(title));
    let description = violations.check("description", rules::description(description));
    let location = location.map_or(Ok(None), |location| rules::location(&location));
    let location = violations.check("location", location);
    let start_date = violations.check("startDate", required_instant(start_date));
    let end_date = violations.check("endDate", required_instant(end_date));
    if let (Some(start), Some(end)) = (start_date, end_date) {
        violations.check("endDate", rules::check_date_order(start, end));
    }
    let (Some(title), Some(description), Some(location), Some(start_date), Some(end_date), true) =
        (title, description, location, start_date, end_date, violations.is_empty())
    else {
        return Err(violations);
    };
    Ok(NewEvent { title, description, location, start_date, end_date })
}

pub(super) fn update(message: UpdateRequest) -> Result<ChangeCommand, Violations> {
    let UpdateRequest {
        id,
        title,
        description,
        location,
        start_date,
        end_date,
        if_match,
        if_none_match,
        idempotency,
    } = message;
    let mut violations = Violations::default();
    let title = title.and_then(|title| violations.check("title", rules::title(&title)));
    let description =
        description.and_then(|description| violations.check("description", rules::description(&description)));
    let location = location.and_then(|change| {
        let location = change.value.map_or(Ok(None), |location| rules::location(&location));
        violations.check("location", location)
    });
    let start_date = violations.check("startDate", checked_instant(start_date)).flatten();
    let end_date = violations.check("endDate", checked_instant(end_date)).flatten();
    violations.into_result()?;
    let patch = EventPatch { title, description, location, start_date, end_date };
    change_command(&id, preconditions(if_match, if_none_match), EventChange::Update(patch), idempotency)
}

pub(super) fn delete(message: DeleteRequest) -> Result<ChangeCommand, Violations> {
    let DeleteRequest { id, if_match, if_none_match, idempotency } = message;
    change_command(&id, preconditions(if_match, if_none_match), EventChange::Delete, idempotency)
}

pub(super) fn submit(message: SubmitRequest) -> Result<ChangeCommand, Violations> {
    let SubmitRequest { id, if_match, if_none_match, idempotency } = message;
    change_command(&id, preconditions(if_match, if_none_match), EventChange::Submit, idempotency)
}

pub(super) fn approve(message: ApproveRequest) -> Result<ChangeCommand, Violations> {
    let ApproveRequest { id, if_match, if_none_match, idempotency } = message;
    change_command(&id, preconditions(if_match, if_none_match), EventChange::Approve, idempotency)
}

pub(super) fn reject(message: RejectRequest) -> Result<ChangeCommand, Violations> {
    let RejectRequest { id, reason, if_match, if_none_match, idempotency } = message;
    let reason = rules::reason(&reason).map_err(|message| Violations::one("reason", message))?;
    change_command(&id, preconditions(if_match, if_none_match), EventChange::Reject { reason }, idempotency)
}

fn change_command(
    id: &str,
    preconditions: Preconditions,
    change: EventChange,
    idempotency: Option<Idempotency>,
) -> Result<ChangeCommand, Violations> {
    Ok(ChangeCommand { id: event_id(id)?, preconditions, change, key: idempotency.try_into()? })
}

pub(super) fn event_id(text: &str) -> Result<Uuid, Violations> {
    uuid(text).map_err(|message| Violations::one("id", message))
}

pub(super) fn transfer(message: TransferRequest) -> Result<TransferCommand, Violations> {
    let TransferRequest { from_id, to_id, idempotency } = message;
    let mut violations = Violations::default();
    let from = violations.check("id", uuid(&from_id));
    let to = violations.check("to", uuid(&to_id));
    let (Some(from), Some(to)) = (from, to) else { return Err(violations) };
    Ok(TransferCommand { from, to, key: idempotency.try_into()? })
}

/// The maximum number of people in one request.
const MAX_PEOPLE: usize = 100;

/// Reads the IDs, each once.
pub(super) fn person_ids(texts: &[String]) -> Result<Vec<Uuid>, Violations> {
    let invalid = |message: &str| Violations::one("ids", message);
    if texts.is_empty() || texts.len() > MAX_PEOPLE {
        return Err(invalid("must be 1 to 100 ids"));
    }
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        let id = uuid(text).map_err(|_| invalid("must be UUIDs"))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

pub(super) fn copy_position(cursor: &str) -> Result<CopyPosition, Violations> {
    CopyPosition::from_cursor(cursor).ok_or_else(|| Violations::one("cursor", "is not a cursor of this list"))
}

fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|_| "must be a UUID".to_owned())
}

pub(super) fn list_query(caller: &Identity, message: FindAllRequest) -> Result<ListQuery, Violations> {
    let FindAllRequest {
        limit,
        position,
        sort_by,
        descending,
        status,
        search,
        start_date_from,
        start_date_to,
        mine,
        end_date_from,
    } = message;
    let mut violations = Violations::default();
    violations.check("limit", rules::page_limit(limit));
    let page = match position {
        None => PageSelector::Number(1),
        Some(find_all_request::Position::Cursor(cursor)) => PageSelector::Cursor(cursor),
        Some(find_all_request::Position::Page(page)) => {
            check_page(&mut violations, page, limit);
            PageSelector::Number(page)
        }
    };
    let sort_by = violations.check("sortBy", parse_sort_by(sort_by));
    let status = violations.check("status", parse_status(status)).flatten();
    let search = violations.check("search", rules::search(&search)).flatten();
    let start_date_from = violations.check("startDateFrom", checked_instant(start_date_from)).flatten();
    let start_date_to = violations.check("startDateTo", checked_instant(start_date_to)).flatten();
    let end_date_from = violations.check("endDateFrom", checked_instant(end_date_from)).flatten();
    let (Some(sort_by), true) = (sort_by, violations.is_empty()) else { return Err(violations) };
    let criteria = ListCriteria {
        organization_id: caller.organization_id,
        visibility: Visibility::of(caller),
        sort_by,
        descending,
        status,
        search,
        start_date_from,
        start_date_to,
        end_date_from,
        owner: mine.then_some(caller.user_id),
    };
    Ok(ListQuery { criteria, page, limit })
}

pub(super) fn queue_query(caller: &Identity, message: FindQueueRequest) -> Result<QueueQuery, Violations> {
    let FindQueueRequest { limit, cursor, search } = message;
    let mut violations = Violations::default();
    violations.check("limit", rules::page_limit(limit));
    let search = violations.check("search", rules::search(&search)).flatten();
    violations.into_result()?;
    let cursor = (!cursor.is_empty()).then_some(cursor);
    Ok(QueueQuery { organization_id: caller.organization_id, search, cursor, limit })
}

/// The number of times that separate and end the days of one request.
const BOUNDS: RangeInclusive<usize> = 2..=43;

/// The maximum number of events of a day.
const PER_DAY: RangeInclusive<u32> = 1..=10;

pub(super) fn days_query(caller: &Identity, message: FindDaysRequest) -> Result<DaysQuery, Violations> {
    let FindDaysRequest { bounds, per_day, status, mine } = message;
    let mut violations = Violations::default();
    let bounds = violations.check("bounds", parse_bounds(bounds));
    if !PER_DAY.contains(&per_day) {
        violations.add("perDay", format!("must be from {} to {}", PER_DAY.start(), PER_DAY.end()));
    }
    let status = violations.check("status", parse_status(status)).flatten();
    let (Some(bounds), true) = (bounds, violations.is_empty()) else { return Err(violations) };
    Ok(DaysQuery { caller: caller.clone(), bounds, per_day, status, mine })
}

fn parse_bounds(timestamps: Vec<Timestamp>) -> Result<Vec<DateTime<Utc>>, String> {
    if !BOUNDS.contains(&timestamps.len()) {
        return Err(format!("must be {} to {} times", BOUNDS.start(), BOUNDS.end()));
    }
    let bounds: Vec<_> =
        timestamps.into_iter().map(|bound| required_instant(Some(bound))).collect::<Result<_, _>>()?;
    if bounds.is_sorted_by(|one, next| one < next) {
        Ok(bounds)
    } else {
        Err("must be in ascending order".into())
    }
}

fn check_page(violations: &mut Violations, page: u64, limit: u32) {
    if page == 0 {
        violations.add("page", "must be at least 1");
    } else if page.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS {
        violations
            .add("page", format!("must not reach past row {}; use cursor instead", rules::MAX_PAGED_ROWS));
    }
}

fn parse_sort_by(number: i32) -> Result<SortBy, String> {
    let message = SortByMessage::try_from(number).ok();
    let sort_by = message.and_then(|message| SortBy::try_from(message).ok());
    sort_by.ok_or_else(|| "is not a known sort key".to_owned())
}

/// Parses a status. Returns `None` when the status is unspecified.
fn parse_status(number: i32) -> Result<Option<EventStatus>, String> {
    let message = EventStatusMessage::try_from(number).map_err(|_| "is not a known status".to_owned())?;
    Ok(EventStatus::try_from(message).ok())
}

fn required_instant(timestamp: Option<Timestamp>) -> Result<DateTime<Utc>, String> {
    checked_instant(timestamp)?.ok_or_else(|| rules::REQUIRED.to_owned())
}
