//! Fields that several resources use. The fields of a single resource are declared with its operations.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use serde_json::Value;
use utoipa::openapi::KnownFormat;

use super::{field::fields, input::uuid, query::whole_number};
use crate::openapi::schemas::{integer, optional_text, string_with_format, text};

/// The documented maximum length of a cursor, in characters.
const CURSOR_MAX: usize = 4096;

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
