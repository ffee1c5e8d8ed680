//! Macros that declare a body or a query. Each macro generates the reader and the OpenAPI description from the same
//! struct, so that both always have the same fields.

/// Declares a JSON body: the struct, its reader and its OpenAPI schema.
///
/// The JSON members have camel-case names. A field's type determines whether the field is required
/// ([`BodyField`](super::BodyField)). All fields are read, even after a violation. Then `check` runs with the fields
/// that it lists (`None` means that the field is invalid), so that violations across fields are reported after those
/// of single fields.
macro_rules! request_body {
    (
        $(#[doc = $doc:literal])+
        struct $name:ident {
            $($(#[doc = $about:literal])* $field:ident: $kind:ty,)+
        }
        $(check $check:ident($($checked:ident),+);)?
        example $example:tt
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $name {
            $($(#[doc = $about])* pub(crate) $field: $kind,)+
        }

        impl $crate::extract::FromInput for $name {
            fn from_input(input: &mut $crate::extract::Input) -> Option<Self> {
                $(let $field = <$kind as $crate::extract::BodyField>::read(input, $crate::extract::camel_case!($field));)+
                $(if input.has_body() {
                    $check(input, $($checked.as_ref()),+);
                })?
                Some(Self { $($field: $field?,)+ })
            }
        }

        impl $crate::openapi::OperationPart for $name {
            fn describe(description: &mut $crate::openapi::OperationDescription) {
                let properties = [$((
                    $crate::extract::camel_case!($field),
                    $crate::openapi::schemas::with_description(
                        <$kind as $crate::extract::BodyField>::schema(),
                        concat!($($about),*),
                    ),
                    <$kind as $crate::extract::BodyField>::REQUIRED,
                ),)+];
                let example = serde_json::json!($example);
                let schema = $crate::openapi::schemas::closed_object(properties, concat!($($doc),+), example);
                description.add_json_body(stringify!($name), schema);
            }
        }
    };
}

/// Declares query parameters, in the same way as [`request_body!`] declares a body.
macro_rules! query_parameters {
    (
        $(#[doc = $doc:literal])+
        struct $name:ident {
            $($(#[doc = $about:literal])+ $field:ident: $kind:ty,)+
        }
        $(check $check:ident($($checked:ident),+);)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $name {
            $($(#[doc = $about])+ pub(crate) $field: $kind,)+
        }

        impl $crate::extract::FromInput for $name {
            fn from_input(input: &mut $crate::extract::Input) -> Option<Self> {
                $(let $field = <$kind as $crate::extract::QueryField>::read(input, $crate::extract::camel_case!($field));)+
                $($check(input, $($checked.as_ref()),+);)?
                Some(Self { $($field: $field?,)+ })
            }
        }

        impl $crate::openapi::OperationPart for $name {
            fn describe(description: &mut $crate::openapi::OperationDescription) {
                $(description.add_query_parameter(
                    $crate::extract::camel_case!($field),
                    concat!($($about),+),
                    <$kind as $crate::extract::QueryField>::schema(),
                    <$kind as $crate::extract::QueryField>::REQUIRED,
                );)+
            }
        }
    };
}

/// The camel-case name of a field, as in JSON and in queries.
macro_rules! camel_case {
    ($field:ident) => {
        pastey::paste!(stringify!([<$field:lower_camel>]))
    };
}

pub(crate) use {camel_case, query_parameters, request_body};
