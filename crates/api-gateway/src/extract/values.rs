//! Values that requests of several resources are made of. Those of one resource stand with its operations.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use utoipa::openapi::KnownFormat;

use super::{field::fields, input::uuid};
use crate::openapi::schemas::{formatted, optional_text};

fields! {
    /// A point in time.
    Instant(DateTime<Utc>) = rules::timestamp, formatted(KnownFormat::DateTime);
    /// An id in a body.
    Id(String) = uuid, formatted(KnownFormat::Uuid);
    /// A text to search for; `None` when blank.
    Search(Option<String>) = rules::search, optional_text(rules::SEARCH_MAX);
}
