//! What `GET /events` reads from its query.

use eventboard_domain::{EventStatus, rules};
use eventboard_proto::events::{self as proto, FindAllRequest, SortBy, find_all_request::Position};

use crate::{
    extract::{Input, query::whole_number},
    routes::time,
};

/// The words of `sortBy`, the default first.
pub(crate) const SORT_BY: [(&str, SortBy); 4] = [
    ("startDate", SortBy::StartDate),
    ("createdAt", SortBy::CreatedAt),
    ("title", SortBy::Title),
    ("status", SortBy::Status),
];

/// The words of `sortOrder`, the default first; true means descending.
pub(crate) const SORT_ORDER: [(&str, bool); 2] = [("asc", false), ("desc", true)];

/// Which part of the list was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1; `None` behind a cursor.
    pub(super) page: Option<u64>,
    pub(super) limit: u32,
}

impl Place {
    pub(super) fn of(request: &FindAllRequest) -> Self {
        let page = match request.position {
            Some(Position::Page(page)) => Some(page),
            _ => None,
        };
        Self { page, limit: request.limit }
    }
}

pub(super) fn request(input: &mut Input) -> FindAllRequest {
    let limit = input.parameter("limit", limit).unwrap_or(rules::DEFAULT_LIMIT);
    FindAllRequest {
        limit,
        position: Some(position(input, limit)),
        sort_by: input.parameter("sortBy", |word| one_of(word, &SORT_BY)).unwrap_or_default().into(),
        descending: input.parameter("sortOrder", |word| one_of(word, &SORT_ORDER)).unwrap_or_default(),
        status: input.parameter("status", status).unwrap_or_default().into(),
        search: input.parameter("search", rules::search).flatten().unwrap_or_default(),
        start_date_from: input.parameter("startDateFrom", rules::timestamp).map(time::to_proto),
        start_date_to: input.parameter("startDateTo", rules::timestamp).map(time::to_proto),
    }
}

fn position(input: &mut Input, limit: u32) -> Position {
    if input.has_parameter("page") && input.has_parameter("cursor") {
        input.fault("cursor", "must not be given together with page");
    }
    let page = input.parameter("page", |text| page(text, limit));
    match input.parameter("cursor", cursor) {
        Some(cursor) => Position::Cursor(cursor),
        None => Position::Page(page.unwrap_or(1)),
    }
}

fn limit(text: &str) -> Result<u32, String> {
    let (min, max) = (rules::LIMIT.start(), rules::LIMIT.end());
    whole_number(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| rules::LIMIT.contains(number))
        .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

fn page(text: &str, limit: u32) -> Result<u64, String> {
    let page = whole_number(text).filter(|page| *page >= 1).ok_or("must be a whole number from 1")?;
    if page.saturating_mul(limit.into()) > rules::MAX_PAGED_ROWS {
        return Err(format!("reaches past row {}; go on with cursor instead", rules::MAX_PAGED_ROWS));
    }
    Ok(page)
}

fn cursor(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.to_owned()) }
}

fn status(word: &str) -> Result<proto::EventStatus, String> {
    let status: EventStatus =
        word.parse().map_err(|unknown: eventboard_domain::UnknownWord| unknown.to_string())?;
    Ok(match status {
        EventStatus::Draft => proto::EventStatus::Draft,
        EventStatus::Submitted => proto::EventStatus::Submitted,
        EventStatus::Approved => proto::EventStatus::Approved,
        EventStatus::Rejected => proto::EventStatus::Rejected,
    })
}

fn one_of<T: Copy>(word: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(known, _)| *known == word);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::testing::{faults, query};

    fn read(pairs: &[(&str, &str)]) -> FindAllRequest {
        query(pairs).read(request).expect("no fault")
    }

    #[test]
    fn the_defaults_are_the_first_ten_by_start_date() {
        let message = read(&[]);
        assert_eq!((message.limit, message.position), (10, Some(Position::Page(1))));
        assert_eq!((message.sort_by, message.descending), (SortBy::StartDate.into(), false));
        assert_eq!(Place::of(&read(&[])), Place { page: Some(1), limit: 10 });
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
        assert_eq!(message.sort_by, i32::from(SortBy::Title));
        assert_eq!(message.status, i32::from(proto::EventStatus::Submitted));
        assert_eq!((message.search.as_str(), message.descending), ("100%", true));
        assert!(message.start_date_from.is_some() && message.start_date_to.is_some());
        assert_eq!(Place::of(&message), Place { page: None, limit: 100 });
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = [("limit", "101"), ("page", "0"), ("sortBy", "id"), ("status", "draft"), ("x", "y")];
        assert_eq!(
            faults(query(&bad), request),
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
        assert!(faults(query(&[("page", "1000"), ("limit", "100")]), request).is_empty());
        for (page, limit) in [("1001", "100"), ("10001", "10"), ("99999999999999999999999", "1")] {
            let found = faults(query(&[("page", page), ("limit", limit)]), request);
            assert_eq!(found, ["page reaches past row 100000; go on with cursor instead"]);
        }
    }

    #[test]
    fn a_cursor_stands_alone_and_is_not_empty() {
        assert_eq!(
            faults(query(&[("page", "1"), ("cursor", "c")]), request),
            ["cursor must not be given together with page"]
        );
        assert_eq!(faults(query(&[("cursor", "")]), request), ["cursor must not be empty"]);
    }
}
