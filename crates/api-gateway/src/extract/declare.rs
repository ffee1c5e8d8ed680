//! Declarations of what an operation reads: one struct that is the reader and the description at once, so that neither can
//! know a field that the other does not.

/// Declares a JSON body: the struct, how it is read and how the API's document describes it.
///
/// Members are named in camel case. A member's type says whether it must be there ([`BodyField`](super::BodyField)). All
/// members are read whatever is wrong with some; then `check` sees those that were read (`None`: faulty). So what no single
/// member shows is told after the faults of the members.
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
                    $crate::openapi::schemas::described(
                        <$kind as $crate::extract::BodyField>::schema(),
                        concat!($($about),*),
                    ),
                    <$kind as $crate::extract::BodyField>::REQUIRED,
                ),)+];
                let example = serde_json::json!($example);
                let schema = $crate::openapi::schemas::closed_object(properties, concat!($($doc),+), example);
                description.json_body(stringify!($name), schema);
            }
        }
    };
}

/// Declares the parameters of a query, as [`request_body!`] declares a body.
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
                $(description.query_parameter(
                    $crate::extract::camel_case!($field),
                    concat!($($about),+),
                    <$kind as $crate::extract::QueryField>::schema(),
                );)+
            }
        }
    };
}

/// The name of a field in JSON.
macro_rules! camel_case {
    ($field:ident) => {
        pastey::paste!(stringify!([<$field:lower_camel>]))
    };
}

pub(crate) use {camel_case, query_parameters, request_body};
