//! Single values of a request: how each is read, by what rule, and how the API's document describes it.

use eventboard_domain::{UnknownWord, Vocabulary};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::input::Input;
use crate::openapi::schemas;

/// A value that is read from a text.
pub(crate) trait Field: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// A message that completes the sentence "field …".
    fn parse(text: &str) -> Result<Self, String>;

    /// What the document says of it.
    fn schema() -> RefOr<Schema>;
}

/// Declares values, each with its rule and its schema: `Name(what it holds) = rule, schema`.
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

/// A word of a vocabulary, in a request or in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Vocabulary> Field for Word<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::from_str(text).map(Self).map_err(|unknown: UnknownWord| unknown.to_string())
    }

    fn schema() -> RefOr<Schema> {
        schemas::component(T::NAME)
    }
}

impl<T: Vocabulary + Default> Default for Word<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: Vocabulary> From<Word<T>> for Value {
    fn from(word: Word<T>) -> Self {
        word.0.as_str().into()
    }
}

impl<T: Vocabulary> PartialSchema for Word<T> {
    fn schema() -> RefOr<Schema> {
        schemas::vocabulary::<T>().into()
    }
}

impl<T: Vocabulary> ToSchema for Word<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::NAME.into()
    }
}

/// A member of a JSON body.
pub(crate) trait BodyField: Sized {
    /// Whether it must be there.
    const REQUIRED: bool;

    /// Reads it; `None` after recording a fault, or when there is no body that could be read.
    fn read(input: &mut Input, name: &str) -> Option<Self>;

    /// What the document says of it.
    fn schema() -> RefOr<Schema>;
}

/// A text that must be there.
impl<T: Field> BodyField for T {
    const REQUIRED: bool = true;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.required(name, T::parse)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// A text that may be absent or null.
impl<T: Field> BodyField for Option<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.optional(name, T::parse)
    }

    fn schema() -> RefOr<Schema> {
        schemas::nullable(<T as Field>::schema())
    }
}

/// A text that a patch may change: it may be absent but not null, which would mean to clear it.
#[derive(Debug)]
pub(crate) struct Patched<T>(pub(crate) Option<T>);

impl<T: Field> BodyField for Patched<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.patched(name, T::parse).map(Self)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// A text that a patch may change or clear: absent (`None`), null (`Some(None)`), or a value.
#[derive(Debug)]
pub(crate) struct Clearable<T>(pub(crate) Option<Option<T>>);

impl<T: Field> BodyField for Clearable<T> {
    const REQUIRED: bool = false;

    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.clearable(name, T::parse).map(Self)
    }

    fn schema() -> RefOr<Schema> {
        schemas::nullable(<T as Field>::schema())
    }
}

/// A parameter of a query.
pub(crate) trait QueryField: Sized {
    /// Reads it; `None` after recording a fault.
    fn read(input: &mut Input, name: &str) -> Option<Self>;

    /// What the document says of it.
    fn schema() -> RefOr<Schema>;
}

/// A parameter that need not be there.
impl<T: Field> QueryField for Option<T> {
    fn read(input: &mut Input, name: &str) -> Option<Self> {
        input.parameter(name, T::parse)
    }

    fn schema() -> RefOr<Schema> {
        <T as Field>::schema()
    }
}

/// A parameter with a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrDefault<T>(pub(crate) T);

impl<T: Field + Default + Into<Value>> QueryField for OrDefault<T> {
    fn read(input: &mut Input, name: &str) -> Option<Self> {
        Some(Self(input.parameter(name, T::parse)?.unwrap_or_default()))
    }

    fn schema() -> RefOr<Schema> {
        schemas::with_default(<T as Field>::schema(), T::default().into())
    }
}
