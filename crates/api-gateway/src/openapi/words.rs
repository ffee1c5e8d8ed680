//! Small schemas that stand in several places.

use std::ops::RangeInclusive;

use eventboard_domain::{EventStatus, Role};
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, SchemaFormat, Type,
    schema::{Object, SchemaType},
};

/// The roles.
pub(crate) fn role() -> Object {
    one_of(Role::ALL.iter().map(|role| role.as_str())).build()
}

/// The statuses of an event.
pub(crate) fn status() -> Object {
    one_of(EventStatus::ALL.iter().map(|status| status.as_str())).build()
}

/// One of these words.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    string().enum_values(Some(words))
}

/// Any text.
pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A text of so many characters.
pub(super) fn text(length: RangeInclusive<usize>) -> ObjectBuilder {
    let min = Some(*length.start()).filter(|min| *min > 0);
    string().min_length(min).max_length(Some(*length.end()))
}

/// A text or null.
pub(super) fn nullable(text: ObjectBuilder) -> ObjectBuilder {
    text.schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

/// A whole number from `min` to `max`.
pub(super) fn integer(min: u64, max: Option<u64>) -> ObjectBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min as f64));
    number.maximum(max.map(|max| max as f64))
}

/// A text in a format that OpenAPI knows.
pub(super) fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}
