//! Helpers that build schemas.

use std::ops::RangeInclusive;

use eventboard_domain::StringEnum;
use serde_json::Value;
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
    schema::{AdditionalProperties, Object, OneOfBuilder, SchemaType},
};

/// The schema component of an enum.
pub(crate) fn enum_component<T: StringEnum>() -> Object {
    enum_values_of::<T>().description(Some(T::DESCRIPTION.trim())).build()
}

/// A string that is one of the values of an enum.
fn enum_values_of<T: StringEnum>() -> ObjectBuilder {
    string_enum(T::ALL.iter().map(|value| value.as_str()))
}

/// A reference to a schema component.
pub(crate) fn component(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// A string that is one of these values.
pub(crate) fn string_enum(values: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    string().enum_values(Some(values))
}

/// Any string.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A string with a minimum and a maximum length, in characters.
pub(crate) fn text(length: RangeInclusive<usize>) -> ObjectBuilder {
    let min = Some(*length.start()).filter(|min| *min > 0);
    string().min_length(min).max_length(Some(*length.end()))
}

/// An optional string with a maximum length. The string may be blank, because it is trimmed first and a blank string
/// counts as absent.
pub(crate) fn optional_text(max: usize) -> ObjectBuilder {
    text(0..=max)
}

/// An integer from `min` to `max`.
pub(crate) fn integer(min: u64, max: Option<u64>) -> ObjectBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min as f64));
    number.maximum(max.map(|max| max as f64))
}

/// True or false.
pub(crate) fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// A string in a format that OpenAPI defines.
pub(crate) fn string_with_format(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}

/// Makes a schema accept null as well.
pub(crate) fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.schema_type == SchemaType::Type(Type::String) => {
            object.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
            object.into()
        }
        other => OneOfBuilder::new().item(other).item(ObjectBuilder::new().schema_type(Type::Null)).into(),
    }
}

/// Sets the description, unless it is empty.
pub(crate) fn with_description(schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
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

/// An object that allows only these properties: name, schema, and whether the property is required.
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

/// Sets the default value.
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
