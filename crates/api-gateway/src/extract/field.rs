//! Single request fields: how each one is read and validated, and its OpenAPI schema.

use eventboard_domain::{StringEnum, UnknownVariant, rules::REQUIRED};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::input::Input;
use crate::openapi::schemas;

/// A value of a request: a string, or something that is written as one in a query.
pub(crate) trait Field: Sized {
    /// Parses and validates the value.
    ///
    /// # Errors
    /// Returns a message that reads as a sentence after the field name.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads and validates the value in a JSON body, which is a string unless the type says otherwise.
    ///
    /// # Errors
    /// As for `parse`.
    fn from_json(value: &Value) -> Result<Self, String> {
        Self::parse(value.as_str().ok_or("must be a string")?)
    }

    /// The OpenAPI schema.
    fn schema() -> RefOr<Schema>;
}

/// Declares fields, each with its validation rule and its schema: `Name(Type) = rule, schema`.
macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $name:ident($value:ty) = $rule:expr, $schema:expr;)+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name(pub(crate) $value);

        impl $crate::extract::Field for $name {
            fn parse(text: &str) -> Result<Self, String> {
                ($rule)(text).map(Self)
            }

            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }
    )+ };
}
pub(crate) use fields;

/// A value of an enum (a [`StringEnum`]) in a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct EnumValue<T>(pub(crate) T);

impl<T: StringEnum> Field for EnumValue<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::from_str(text).map(Self).map_err(|unknown: UnknownVariant| unknown.to_string())
    }

    fn schema() -> RefOr<Schema> {
        schemas::component(T::NAME)
    }
}

impl<T: StringEnum + Default> Default for EnumValue<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: StringEnum> From<EnumValue<T>> for Value {
    fn from(value: EnumValue<T>) -> Self {
        value.0.as_str().into()
    }
}

impl<T: StringEnum> PartialSchema for EnumValue<T> {
    fn schema() -> RefOr<Schema> {
        schemas::enum_component::<T>().into()
    }
}

impl<T: StringEnum> ToSchema for EnumValue<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::NAME.into()
    }
}

/// A field of a JSON body.
pub(crate) trait BodyField: Sized {
    /// Whether the field is required.
    const REQUIRED: bool;

    /// Reads the field. Returns `None` after recording a violation, or if the body could not be parsed.
    fn read(input: &mut Input, name: &str) -> Option<Self>;

    /// The OpenAPI schema.
    fn schema() -> RefOr<Schema>;
}

/// A required value.
impl<T: Field> BodyField for T {
    const REQUIRED: bool = true;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.read_required(name, T::from_json)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// A value that may be absent or null.
impl<T: Field> BodyField for Option<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.read_optional(name, T::from_json)
    }

    fn schema() -> RefOr<Schema> {
        schemas::nullable(<T as Field>::schema())
    }
}

/// A value that a patch may change but not clear: the field may be absent, but not null.
#[derive(Debug)]
pub(crate) struct OptionalNotNull<T>(pub(crate) Option<T>);

impl<T: Field> BodyField for OptionalNotNull<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.read_optional_not_null(name, T::from_json).map(Self)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// A value that a patch may change or clear: absent (`None`), null (`Some(None)`), or a value.
#[derive(Debug)]
pub(crate) struct OptionalNullable<T>(pub(crate) Option<Option<T>>);

impl<T: Field> BodyField for OptionalNullable<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.read_optional_nullable(name, T::from_json).map(Self)
    }

    fn schema() -> RefOr<Schema> {
        schemas::nullable(<T as Field>::schema())
    }
}

/// A query parameter.
pub(crate) trait QueryField: Sized {
    /// Whether the field is required.
    const REQUIRED: bool;

    /// Reads the parameter. Returns `None` after recording a violation.
    fn read(input: &mut Input, name: &str) -> Option<Self>;

    /// The OpenAPI schema.
    fn schema() -> RefOr<Schema>;
}

/// A required parameter.
impl<T: Field> QueryField for T {
    const REQUIRED: bool = true;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        let value = input.read_parameter(name, T::parse)?;
        if value.is_none() {
            input.add_violation(name, REQUIRED);
        }
        value
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// An optional parameter.
impl<T: Field> QueryField for Option<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.read_parameter(name, T::parse)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// An optional parameter with a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrDefault<T>(pub(crate) T);

impl<T: Field + Default + Into<Value>> QueryField for OrDefault<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        Some(Self(input.read_parameter(name, T::parse)?.unwrap_or_default()))
    }

    fn schema() -> RefOr<Schema> {
        schemas::with_default(<T as Field>::schema(), T::default().into())
    }
}
