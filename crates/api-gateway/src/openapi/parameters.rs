//! Parameters of path, query and headers.

use eventboard_domain::rules;
use serde_json::{Value, json};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Required,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

use super::words::{formatted, integer, one_of, status, string, text};
use crate::routes::events::{SORT_BY, SORT_ORDER};

/// The id of an event, of the demo data by default.
pub(super) fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The event, in the hyphenated form of a UUID."))
        .schema(Some(formatted(KnownFormat::Uuid)))
        .example(Some("00000000-0000-0000-0000-000000000001".into()))
        .build()
}

/// What every request may carry.
pub(super) fn correlation_id() -> Parameter {
    let described = "Names the request in all logs; a malformed or missing one is replaced.";
    header("X-Correlation-ID", described, string())
}

/// What makes a write conditional.
pub(super) fn if_match() -> Parameter {
    let described =
        "Write only when the event has one of these entity tags (RFC 9110, section 13.1.1), else 412.";
    header("If-Match", described, entity_tags())
}

/// What makes a read conditional.
pub(super) fn if_none_match() -> Parameter {
    let described = "304 when the event has one of these entity tags (RFC 9110, section 13.1.2).";
    header("If-None-Match", described, entity_tags())
}

/// What makes a write repeatable.
pub(super) fn idempotency_key() -> Parameter {
    let described = "The same key and the same request have one effect and one answer for 24 hours; \
        the same key and another request is a 422.";
    let key = text(1..=255).pattern(Some("^[ -~]{1,255}$"));
    header("Idempotency-Key", described, key)
}

/// The query of the list.
pub(super) fn listing() -> Vec<Parameter> {
    let limit = integer((*rules::LIMIT.start()).into(), Some((*rules::LIMIT.end()).into()));
    let first_word = |word: &str| Some(Value::from(word));
    let page = "From 1; page × limit must not pass 100000. Not together with cursor.";
    let sort_by = one_of(SORT_BY.map(|(word, _)| word)).default(first_word(SORT_BY[0].0));
    let sort_order = one_of(SORT_ORDER.map(|(word, _)| word)).default(first_word(SORT_ORDER[0].0));
    let search = text(0..=rules::SEARCH_MAX);
    vec![
        query("page", page, integer(1, Some(rules::MAX_PAGED_ROWS))),
        query("limit", "Events in this part.", limit.default(Some(json!(rules::DEFAULT_LIMIT)))),
        query("cursor", "The nextCursor of an answer to the same filters and order.", text(1..=CURSOR_MAX)),
        query("sortBy", "Ties break by id.", sort_by),
        query("sortOrder", "Ascending or descending.", sort_order),
        query("status", "Only events in this status.", status().into()),
        query("search", "Literally, in title and description, without regard to case.", search),
        query("startDateFrom", "Starts then or later.", formatted(KnownFormat::DateTime)),
        query("startDateTo", "Starts then or earlier.", formatted(KnownFormat::DateTime)),
    ]
}

/// Longest cursor that a client need expect, in characters.
const CURSOR_MAX: usize = 4096;

/// `*`, or entity tags with commas between (RFC 9110, section 8.8.3).
fn entity_tags() -> ObjectBuilder {
    let tag = r#"(W/)?"[!#-~]*""#;
    string().pattern(Some(format!(r"^(\*|{tag}([ \t]*,[ \t]*{tag})*)$")))
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    optional(ParameterIn::Header, name, description, schema)
}

fn query(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    optional(ParameterIn::Query, name, description, schema)
}

fn optional(place: ParameterIn, name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
