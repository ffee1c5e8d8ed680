//! `GET /events`: lists events, by page or by cursor.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::{EventStatus, SortBy, SortOrder, rules};
use eventboard_proto::{
    convert,
    events::{self as proto, FindAllReply, FindAllRequest, find_all_request::Position},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{TAG, event::Event};
use crate::{
    extract::{
        Caller, EnumValue, Input, OrDefault, Parameters, fields,
        query::whole_number,
        query_parameters,
        shared_fields::{Cursor, Flag, Instant, Limit, Search},
    },
    openapi::schemas::integer,
    policy::Policies,
    problem::Problem,
    routes::{operation, responses::REVALIDATE},
    state::AppState,
};

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(operation!(policies.list, list))
}

fields! {
    /// A page number, starting at 1.
    PageNumber(u64) = parse_page_number, integer(1, Some(rules::MAX_PAGED_ROWS));
}

query_parameters! {
    /// Selects events, their order and a page.
    struct EventQuery {
        /// The maximum number of events to return.
        limit: OrDefault<Limit>,
        /// The page number, starting at 1 (the default). `page` × `limit` must not exceed 100000; use `cursor` beyond.
        page: Option<PageNumber>,
        /// The `nextCursor` of a response with the same filters and order. Cannot be combined with `page`.
        cursor: Option<Cursor>,
        /// The field to sort by. Events with equal values are sorted by ID.
        sort_by: OrDefault<EnumValue<SortBy>>,
        /// Ascending or descending.
        sort_order: OrDefault<EnumValue<SortOrder>>,
        /// Only events with this status.
        status: Option<EnumValue<EventStatus>>,
        /// Only events whose title or description contains this text, ignoring case (Unicode full case folding after
        /// NFC, so `STRASSE` finds `Straße`). There are no wildcards. A search that takes too long is answered with 503.
        search: Option<Search>,
        /// Only events that start at this time or later.
        start_date_from: Option<Instant>,
        /// Only events that start at this time or earlier.
        start_date_to: Option<Instant>,
        /// Only events that end after this time, and not at it. With `startDateFrom`, they are found faster. If too many events
        /// are over, the request is answered with 503.
        end_date_from: Option<Instant>,
        /// True: only events that the caller owns. False: all that the caller is allowed to see, as without it.
        mine: Option<Flag>,
    }
    check check_position(limit, page, cursor);
}

/// List events
#[utoipa::path(
    get, path = "/events", tag = TAG, operation_id = "listEvents",
    responses((
        status = 200, description = "One page of the events that the caller is allowed to see.",
        body = EventPage, headers(("Cache-Control")),
    )),
    extensions((
        "x-access" = json!("USER: own events and the organization's APPROVED ones; MODERATOR, ADMIN: all")
    )),
)]
async fn list(
    State(state): State<AppState>,
    Caller(call): Caller,
    Parameters(query): Parameters<EventQuery>,
) -> Result<Response, Problem> {
    let message = FindAllRequest::from(query);
    let requested = RequestedPage::from_request(&message);
    let reply = state.clients().events().find_all(call.request(message)).await;
    Ok(([REVALIDATE], Json(EventPage::new(requested, Backend::Events.reply(reply)?)?)).into_response())
}

/// One page of a list of events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventPage {
    data: Vec<Event>,
    meta: PageMeta,
}

/// The position of the page and the size of the list.
#[derive(Debug, Serialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    /// The page number, starting at 1. Null if the request had a `cursor`.
    #[schema(required = true, minimum = 1)]
    page: Option<u64>,
    #[schema(minimum = 1, maximum = 100)]
    limit: u32,
    /// The number of matching events, counted up to 10,000. A search, or dates in another order than by date, may count
    /// fewer of them; see `totalIsExact`.
    total: u32,
    /// The number of pages that contain `total` events.
    total_pages: u32,
    has_previous: bool,
    has_next: bool,
    /// False if there are more than `total` matching events, or if they were not all counted.
    total_is_exact: bool,
    /// The `cursor` of the next page, equally fast at any depth. Null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// The page that the client requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RequestedPage {
    /// The page number, starting at 1. `None` with a cursor.
    page: Option<u64>,
    limit: u32,
}

impl RequestedPage {
    fn from_request(request: &FindAllRequest) -> Self {
        let page = match request.position {
            Some(Position::Page(page)) => Some(page),
            Some(Position::Cursor(_)) | None => None,
        };
        Self { page, limit: request.limit }
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
            end_date_from,
            mine,
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
            end_date_from: end_date_from.map(|from| convert::timestamp(from.0)),
            mine: mine.is_some_and(|mine| mine.0),
        }
    }
}

/// Checks the rules that concern `limit`, `page` and `cursor` together.
fn check_position(
    input: &mut Input,
    limit: Option<&OrDefault<Limit>>,
    page: Option<&Option<PageNumber>>,
    cursor: Option<&Option<Cursor>>,
) {
    // An invalid value (the outer `None`) counts as present.
    if !matches!(page, Some(None)) && !matches!(cursor, Some(None)) {
        input.add_violation("cursor", "must not be given together with page");
    }
    let limit = limit.map_or(rules::DEFAULT_PAGE_LIMIT, |limit| limit.0.0);
    if let Some(Some(page)) = page
        && page.0.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS
    {
        let message = format!("must not reach past row {}; use cursor instead", rules::MAX_PAGED_ROWS);
        input.add_violation("page", message);
    }
}

fn parse_page_number(text: &str) -> Result<u64, String> {
    whole_number(text)
        .filter(|page| *page >= 1)
        .ok_or_else(|| "must be a whole number greater than 0".to_owned())
}

impl EventPage {
    fn new(requested: RequestedPage, reply: FindAllReply) -> Result<Self, ServiceError> {
        let FindAllReply { events, total, total_is_exact, has_next, next_cursor } = reply;
        let meta = PageMeta {
            page: requested.page,
            limit: requested.limit,
            total,
            total_pages: total.div_ceil(requested.limit.max(*rules::PAGE_LIMIT.start())),
            // A request with a cursor always has an earlier page.
            has_previous: requested.page.is_none_or(|page| page > 1),
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
    use crate::extract::testing::{query, violations};

    fn read(pairs: &[(&str, &str)]) -> FindAllRequest {
        query(pairs).read::<EventQuery>().expect("no violation").into()
    }

    #[test]
    fn the_default_is_the_first_ten_events_by_start_date() {
        let message = read(&[]);
        assert_eq!((message.limit, message.position), (10, Some(Position::Page(1))));
        assert_eq!((message.sort_by, message.descending), (proto::SortBy::StartDate.into(), false));
        assert_eq!(RequestedPage::from_request(&read(&[])), RequestedPage { page: Some(1), limit: 10 });
    }

    #[test]
    fn all_parameters_are_read() {
        let message = read(&[
            ("limit", "100"),
            ("sortBy", "title"),
            ("sortOrder", "desc"),
            ("status", "SUBMITTED"),
            ("search", " 100% "),
            ("startDateFrom", "2026-01-01T00:00:00Z"),
            ("startDateTo", "2026-12-31T23:59:59.999Z"),
            ("endDateFrom", "2026-06-01T00:00:00Z"),
            ("mine", "true"),
            ("cursor", "opaque"),
        ]);
        assert_eq!(message.position, Some(Position::Cursor("opaque".into())));
        assert_eq!(message.sort_by, i32::from(proto::SortBy::Title));
        assert_eq!(message.status, i32::from(proto::EventStatus::Submitted));
        assert_eq!((message.search.as_str(), message.descending), ("100%", true));
        assert!(message.start_date_from.is_some() && message.start_date_to.is_some());
        assert!(message.end_date_from.is_some() && message.mine);
        assert_eq!(RequestedPage::from_request(&message), RequestedPage { page: None, limit: 100 });
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        let bad = [("limit", "101"), ("page", "0"), ("sortBy", "id"), ("status", "draft"), ("x", "y")];
        assert_eq!(
            violations::<EventQuery>(query(&bad)),
            [
                "limit must be a whole number from 1 to 100",
                "page must be a whole number greater than 0",
                "sortBy must be one of startDate, createdAt, title, status",
                "status must be one of DRAFT, SUBMITTED, APPROVED, REJECTED",
                "x is not a known parameter",
            ]
        );
    }

    #[test]
    fn a_page_past_the_last_paged_row_is_rejected_in_favor_of_a_cursor() {
        assert!(violations::<EventQuery>(query(&[("page", "1000"), ("limit", "100")])).is_empty());
        for (page, limit) in [("1001", "100"), ("10001", "10"), ("99999999999999999999999", "1")] {
            let found = violations::<EventQuery>(query(&[("page", page), ("limit", limit)]));
            assert_eq!(found, ["page must not reach past row 100000; use cursor instead"]);
        }
    }

    #[test]
    fn a_cursor_excludes_a_page_and_is_not_empty() {
        assert_eq!(
            violations::<EventQuery>(query(&[("page", "1"), ("cursor", "c")])),
            ["cursor must not be given together with page"]
        );
        assert_eq!(violations::<EventQuery>(query(&[("cursor", "")])), ["cursor must not be empty"]);
    }

    fn meta(page: Option<u64>, total: u32) -> PageMeta {
        let reply = FindAllReply { total, total_is_exact: true, ..Default::default() };
        EventPage::new(RequestedPage { page, limit: 10 }, reply).expect("a complete reply").meta
    }

    #[test]
    fn violations_across_parameters_are_reported_last() {
        let bad = [("page", "1"), ("cursor", "c"), ("sortBy", "id")];
        assert_eq!(
            violations::<EventQuery>(query(&bad)),
            [
                "sortBy must be one of startDate, createdAt, title, status",
                "cursor must not be given together with page",
            ]
        );
    }

    #[test]
    fn total_pages_is_rounded_up() {
        assert_eq!(meta(Some(1), 0).total_pages, 0);
        assert_eq!(meta(Some(1), 10).total_pages, 1);
        assert_eq!(meta(Some(1), 11).total_pages, 2);
    }

    #[test]
    fn every_page_but_the_first_has_a_previous_page() {
        assert!(!meta(Some(1), 5).has_previous);
        assert!(meta(Some(2), 5).has_previous);
        assert!(meta(None, 5).has_previous);
    }
}
