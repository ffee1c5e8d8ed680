//! Small schemas that stand in several places.

use std::ops::RangeInclusive;

use eventboard_domain::Vocabulary;
use serde_json::Value;
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
    schema::{AdditionalProperties, Object, OneOfBuilder, SchemaType},
};

/// One of the words of a vocabulary, as a component of its own.
pub(crate) fn vocabulary<T: Vocabulary>() -> Object {
    one_of_words::<T>().description(Some(T::DESCRIPTION.trim())).build()
}

/// One of the words of a vocabulary, where it stands.
fn one_of_words<T: Vocabulary>() -> ObjectBuilder {
    one_of(T::ALL.iter().map(|word| word.as_str()))
}

/// A reference to a component.
pub(crate) fn component(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// One of these texts.
pub(crate) fn one_of(texts: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    string().enum_values(Some(texts))
}

/// Any text.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A text of so many characters.
pub(crate) fn text(length: RangeInclusive<usize>) -> ObjectBuilder {
    let min = Some(*length.start()).filter(|min| *min > 0);
    string().min_length(min).max_length(Some(*length.end()))
}

/// A text that may be blank where it may be absent, because it is trimmed first.
pub(crate) fn optional_text(max: usize) -> ObjectBuilder {
    text(0..=max)
}

/// A whole number from `min` to `max`.
pub(crate) fn integer(min: u64, max: Option<u64>) -> ObjectBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min as f64));
    number.maximum(max.map(|max| max as f64))
}

/// A text in a format that OpenAPI knows.
pub(crate) fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}

/// The same or null.
pub(crate) fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.schema_type == SchemaType::Type(Type::String) => {
            object.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
            object.into()
        }
        other => OneOfBuilder::new().item(other).item(ObjectBuilder::new().schema_type(Type::Null)).into(),
    }
}

/// The same with a description, unless that is empty.
pub(crate) fn described(schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    let description = description.trim();
    match schema {
        schema if description.is_empty() => schema,
        RefOr::T(Schema::Object(mut object)) => {
            object.description = Some(description.to_owned());
            object.into()
        }
        RefOr::Ref(mut reference) => {
            reference.description = description.to_owned();
            reference.into()
        }
        other => other,
    }
}

/// An object with these properties and no other: name, schema, and whether it must be there.
pub(crate) fn closed_object<const N: usize>(
    properties: [(&str, RefOr<Schema>, bool); N],
    description: &str,
    example: Value,
) -> Object {
    let object = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some(description.trim()))
        .examples([example]);
    let object = properties.into_iter().fold(object, |object, (name, schema, is_required)| {
        let object = object.property(name, schema);
        if is_required { object.required(name) } else { object }
    });
    object.build()
}

/// The same with a default.
pub(crate) fn with_default(schema: RefOr<Schema>, default: Value) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.default = Some(default);
            object.into()
        }
        RefOr::Ref(mut reference) => {
            reference.default = Some(default);
            reference.into()
        }
        other => other,
    }
}
