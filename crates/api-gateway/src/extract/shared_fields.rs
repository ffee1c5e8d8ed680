//! Fields that several resources use. The fields of a single resource are declared with its operations.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use serde_json::Value;
use utoipa::openapi::{KnownFormat, RefOr, Schema};

use super::{
    field::{Field, fields},
    input::uuid,
    query::whole_number,
};
use crate::openapi::schemas::{boolean, integer, optional_text, string_with_format, text};

/// The documented maximum length of a cursor, in characters.
const CURSOR_MAX: usize = 4096;

const MUST_BE_BOOLEAN: &str = "must be true or false";

fields! {
    /// A point in time.
    Instant(DateTime<Utc>) = rules::timestamp, string_with_format(KnownFormat::DateTime);
    /// The id of a resource, in a body.
    Id(String) = uuid, string_with_format(KnownFormat::Uuid);
    /// The maximum number of items per page.
    Limit(u32) = parse_limit,
        integer((*rules::PAGE_LIMIT.start()).into(), Some((*rules::PAGE_LIMIT.end()).into()));
    /// An opaque cursor: the position of the next page.
    Cursor(String) = parse_cursor, text(1..=CURSOR_MAX);
    /// A search term. `None` if it is blank.
    Search(Option<String>) = rules::search, optional_text(rules::SEARCH_MAX_LENGTH);
    /// The name of a time zone.
    TimeZone(String) = rules::time_zone, text(1..=rules::TIME_ZONE_MAX_LENGTH);
}

/// True or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Field for Flag {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| MUST_BE_BOOLEAN.to_owned())
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        value.as_bool().map(Self).ok_or_else(|| MUST_BE_BOOLEAN.to_owned())
    }

    fn schema() -> RefOr<Schema> {
        boolean().into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(rules::DEFAULT_PAGE_LIMIT)
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        limit.0.into()
    }
}

fn parse_limit(text: &str) -> Result<u32, String> {
    let (min, max) = (rules::PAGE_LIMIT.start(), rules::PAGE_LIMIT.end());
    whole_number(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| rules::PAGE_LIMIT.contains(number))
        .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

fn parse_cursor(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            OptionalNotNull,
            macros::{query_parameters, request_body},
            testing::{body, query, violations},
        },
        *,
    };

    request_body! {
        /// A body.
        struct Settings {
            /// A setting.
            open: OptionalNotNull<Flag>,
        }
        example {}
    }

    query_parameters! {
        /// A query.
        struct Filter {
            /// A filter.
            open: Option<Flag>,
        }
    }

    #[test]
    fn a_flag_is_a_boolean_in_a_body() {
        for (given, read) in [(json!({}), None), (json!({"open": true}), Some(Flag(true)))] {
            assert_eq!(body(given).read::<Settings>().expect("no violation").open.0, read);
        }
        for text in [json!("true"), json!(1), json!([])] {
            assert_eq!(violations::<Settings>(body(json!({"open": text}))), ["open must be true or false"]);
        }
        assert_eq!(violations::<Settings>(body(json!({"open": null}))), ["open must not be null"]);
    }

    #[test]
    fn a_flag_is_true_or_false_in_a_query() {
        let read = |pairs: &[(&str, &str)]| query(pairs).read::<Filter>().expect("no violation").open;
        assert_eq!((read(&[]), read(&[("open", "false")])), (None, Some(Flag(false))));
        for text in ["", "1", "TRUE"] {
            let found = violations::<Filter>(query(&[("open", text)]));
            assert_eq!(found, ["open must be true or false"]);
        }
    }
}
