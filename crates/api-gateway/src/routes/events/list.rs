//! `GET /events`: a part of the list, by page or by cursor.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_domain::{EventStatus, SortBy, SortOrder, rules};
use eventboard_proto::{
    convert,
    events::{self as proto, FindAllReply, FindAllRequest, find_all_request::Position},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    TAG,
    event::{Event, REVALIDATE},
};
use crate::{
    clients::Backend,
    extract::{
        Caller, Input, OrDefault, Parameters, Word, fields,
        query::whole_number,
        query_parameters,
        values::{Instant, Search},
    },
    gateway::Gateway,
    openapi::schemas::{integer, text},
    policy::Policies,
    problem::Problem,
    routes::operation,
};

/// Longest cursor that a client need expect, in characters.
const CURSOR_MAX: usize = 4096;

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<Gateway> {
    OpenApiRouter::default().routes(operation!(policies.list, list))
}

fields! {
    /// Events in one part.
    Limit(u32) = limit, integer((*rules::LIMIT.start()).into(), Some((*rules::LIMIT.end()).into()));
    /// The number of a page, from 1.
    PageNumber(u64) = page_number, integer(1, Some(rules::MAX_PAGED_ROWS));
    /// Where a list goes on; opaque.
    Cursor(String) = cursor, text(1..=CURSOR_MAX);
}

query_parameters! {
    /// Which part of which events, in which order.
    struct EventQuery {
        /// Events in this part.
        limit: OrDefault<Limit>,
        /// From 1, the default; page × limit must not pass 100000. Not together with cursor.
        page: Option<PageNumber>,
        /// The nextCursor of an answer to the same filters and order.
        cursor: Option<Cursor>,
        /// Ties break by id.
        sort_by: OrDefault<Word<SortBy>>,
        /// Ascending or descending.
        sort_order: OrDefault<Word<SortOrder>>,
        /// Only events in this status.
        status: Option<Word<EventStatus>>,
        /// Literally, in title and description, without regard to case.
        search: Option<Search>,
        /// Starts then or later.
        start_date_from: Option<Instant>,
        /// Starts then or earlier.
        start_date_to: Option<Instant>,
    }
    check position(limit, page, cursor);
}

/// List events
#[utoipa::path(
    get, path = "/events", tag = TAG, operation_id = "listEvents",
    responses((
        status = 200, description = "A part of the events that the caller may see.", body = EventPage,
        headers(("Cache-Control")),
    )),
    extensions(("x-who" = json!("USER: own, and the organization's APPROVED ones; MODERATOR, ADMIN: all"))),
)]
async fn list(
    State(gateway): State<Gateway>,
    Caller(call): Caller,
    Parameters(query): Parameters<EventQuery>,
) -> Result<Response, Problem> {
    let message = FindAllRequest::from(query);
    let part = Part::of(&message);
    let reply = gateway.clients().events().find_all(call.request(message)).await;
    Ok(([REVALIDATE], Json(EventPage::new(part, Backend::Events.reply(reply)?)?)).into_response())
}

/// A part of the list of events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventPage {
    data: Vec<Event>,
    meta: PageMeta,
}

/// Which part it is, and of how much.
#[derive(Debug, Serialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    /// From 1; null behind a cursor.
    #[schema(required = true, minimum = 1)]
    page: Option<u64>,
    #[schema(minimum = 1, maximum = 100)]
    limit: u32,
    /// Events that match, counted up to 10,000.
    total: u32,
    /// Pages that `total` fills.
    total_pages: u32,
    has_previous: bool,
    has_next: bool,
    /// False when there are more than `total`.
    total_is_exact: bool,
    /// Goes on after this part, at the same cost however deep. Null when there is no more.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Which part of the list was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// From 1; `None` behind a cursor.
    page: Option<u64>,
    limit: u32,
}

impl Part {
    fn of(request: &FindAllRequest) -> Self {
        let page = match request.position {
            Some(Position::Page(page)) => Some(page),
            Some(Position::Cursor(_)) | None => None,
        };
        Self { page, limit: request.limit }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(rules::DEFAULT_LIMIT)
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        limit.0.into()
    }
}

impl From<EventQuery> for FindAllRequest {
    fn from(query: EventQuery) -> Self {
        let EventQuery {
            limit,
            page,
            cursor,
            sort_by,
            sort_order,
            status,
            search,
            start_date_from,
            start_date_to,
        } = query;
        let page = Position::Page(page.map_or(1, |page| page.0));
        Self {
            limit: limit.0.0,
            position: Some(cursor.map_or(page, |cursor| Position::Cursor(cursor.0))),
            sort_by: proto::SortBy::from(sort_by.0.0).into(),
            descending: sort_order.0.0 == SortOrder::Descending,
            status: status.map(|status| proto::EventStatus::from(status.0)).unwrap_or_default().into(),
            search: search.and_then(|search| search.0).unwrap_or_default(),
            start_date_from: start_date_from.map(|from| convert::timestamp(from.0)),
            start_date_to: start_date_to.map(|to| convert::timestamp(to.0)),
        }
    }
}

/// What no single parameter shows.
fn position(
    input: &mut Input,
    limit: Option<&OrDefault<Limit>>,
    page: Option<&Option<PageNumber>>,
    cursor: Option<&Option<Cursor>>,
) {
    // What is faulty was given.
    if !matches!(page, Some(None)) && !matches!(cursor, Some(None)) {
        input.fault("cursor", "must not be given together with page");
    }
    let limit = limit.map_or(rules::DEFAULT_LIMIT, |limit| limit.0.0);
    if let Some(Some(page)) = page
        && page.0.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS
    {
        let message = format!("reaches past row {}; go on with cursor instead", rules::MAX_PAGED_ROWS);
        input.fault("page", message);
    }
}

fn limit(text: &str) -> Result<u32, String> {
    let (min, max) = (rules::LIMIT.start(), rules::LIMIT.end());
    whole_number(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| rules::LIMIT.contains(number))
        .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

fn page_number(text: &str) -> Result<u64, String> {
    whole_number(text).filter(|page| *page >= 1).ok_or_else(|| "must be a whole number from 1".to_owned())
}

fn cursor(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.to_owned()) }
}

impl EventPage {
    fn new(part: Part, reply: FindAllReply) -> Result<Self, ServiceError> {
        let FindAllReply { events, total, total_is_exact, has_next, next_cursor } = reply;
        let meta = PageMeta {
            page: part.page,
            limit: part.limit,
            total,
            total_pages: total.div_ceil(part.limit.max(*rules::LIMIT.start())),
            // A cursor always comes from a part before.
            has_previous: part.page.is_none_or(|page| page > 1),
            has_next,
            total_is_exact,
            next_cursor,
        };
        let data = events.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Self { data, meta })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::{faults, query};

    fn read(pairs: &[(&str, &str)]) -> FindAllRequest {
        query(pairs).read::<EventQuery>().expect("no fault").into()
    }

    #[test]
    fn the_defaults_are_the_first_ten_by_start_date() {
        let message = read(&[]);
        assert_eq!((message.limit, message.position), (10, Some(Position::Page(1))));
        assert_eq!((message.sort_by, message.descending), (proto::SortBy::StartDate.into(), false));
        assert_eq!(Part::of(&read(&[])), Part { page: Some(1), limit: 10 });
    }

    #[test]
    fn everything_can_be_asked_for() {
        let message = read(&[
            ("limit", "100"),
            ("sortBy", "title"),
            ("sortOrder", "desc"),
            ("status", "SUBMITTED"),
            ("search", " 100% "),
            ("startDateFrom", "2026-01-01T00:00:00Z"),
            ("startDateTo", "2026-12-31T23:59:59.999Z"),
            ("cursor", "opaque"),
        ]);
        assert_eq!(message.position, Some(Position::Cursor("opaque".into())));
        assert_eq!(message.sort_by, i32::from(proto::SortBy::Title));
        assert_eq!(message.status, i32::from(proto::EventStatus::Submitted));
        assert_eq!((message.search.as_str(), message.descending), ("100%", true));
        assert!(message.start_date_from.is_some() && message.start_date_to.is_some());
        assert_eq!(Part::of(&message), Part { page: None, limit: 100 });
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = [("limit", "101"), ("page", "0"), ("sortBy", "id"), ("status", "draft"), ("x", "y")];
        assert_eq!(
            faults::<EventQuery>(query(&bad)),
            [
                "limit must be a whole number from 1 to 100",
                "page must be a whole number from 1",
                "sortBy must be one of startDate, createdAt, title, status",
                "status must be one of DRAFT, SUBMITTED, APPROVED, REJECTED",
                "x is not a known parameter",
            ]
        );
    }

    #[test]
    fn a_page_past_the_last_paged_row_names_the_cursor() {
        assert!(faults::<EventQuery>(query(&[("page", "1000"), ("limit", "100")])).is_empty());
        for (page, limit) in [("1001", "100"), ("10001", "10"), ("99999999999999999999999", "1")] {
            let found = faults::<EventQuery>(query(&[("page", page), ("limit", limit)]));
            assert_eq!(found, ["page reaches past row 100000; go on with cursor instead"]);
        }
    }

    #[test]
    fn a_cursor_stands_alone_and_is_not_empty() {
        assert_eq!(
            faults::<EventQuery>(query(&[("page", "1"), ("cursor", "c")])),
            ["cursor must not be given together with page"]
        );
        assert_eq!(faults::<EventQuery>(query(&[("cursor", "")])), ["cursor must not be empty"]);
    }

    fn meta(page: Option<u64>, total: u32) -> PageMeta {
        let reply = FindAllReply { total, total_is_exact: true, ..Default::default() };
        EventPage::new(Part { page, limit: 10 }, reply).expect("a whole reply").meta
    }

    #[test]
    fn what_no_single_parameter_shows_is_told_last() {
        let bad = [("page", "1"), ("cursor", "c"), ("sortBy", "id")];
        assert_eq!(
            faults::<EventQuery>(query(&bad)),
            [
                "sortBy must be one of startDate, createdAt, title, status",
                "cursor must not be given together with page",
            ]
        );
    }

    #[test]
    fn pages_are_counted_up() {
        assert_eq!(meta(Some(1), 0).total_pages, 0);
        assert_eq!(meta(Some(1), 10).total_pages, 1);
        assert_eq!(meta(Some(1), 11).total_pages, 2);
    }

    #[test]
    fn there_is_something_before_any_page_but_the_first() {
        assert!(!meta(Some(1), 5).has_previous);
        assert!(meta(Some(2), 5).has_previous);
        assert!(meta(None, 5).has_previous);
    }
}
