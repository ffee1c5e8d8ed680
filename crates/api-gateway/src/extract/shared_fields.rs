//! Fields that several resources use. The fields of a single resource are declared with its operations.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use utoipa::openapi::KnownFormat;

use super::{field::fields, input::uuid};
use crate::openapi::schemas::{optional_text, string_with_format};

fields! {
    /// A point in time.
    Instant(DateTime<Utc>) = rules::timestamp, string_with_format(KnownFormat::DateTime);
    /// The id of a resource, in a body.
    Id(String) = uuid, string_with_format(KnownFormat::Uuid);
    /// A search term. `None` if it is blank.
    Search(Option<String>) = rules::search, optional_text(rules::SEARCH_MAX_LENGTH);
}
