//! The gRPC code generated from `proto/` and of the gRPC health service, and conversions of enums and timestamps to and
//! from the domain.

pub mod convert;

/// The package `eventboard.auth.v1`.
pub mod auth {
    tonic::include_proto!("eventboard.auth.v1");
}

/// The package `eventboard.events.v1`.
pub mod events {
    tonic::include_proto!("eventboard.events.v1");
}

/// The package `eventboard.writes.v1`.
pub mod writes {
    tonic::include_proto!("eventboard.writes.v1");
}

/// The package `grpc.health.v1`, because `tonic-health` lacks its method `List`.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// The descriptors of all packages with their comments, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("eventboard");

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use prost::Message;
    use prost_types::{FileDescriptorProto, FileDescriptorSet};

    use super::FILE_DESCRIPTOR_SET;

    /// The field numbers in `descriptor.proto` that lead to the declarations of a file, of a message, and so on.
    const MESSAGE: i32 = 4;
    const ENUM: i32 = 5;
    const SERVICE: i32 = 6;
    const FIELD: i32 = 2;
    const NESTED_MESSAGE: i32 = 3;
    const NESTED_ENUM: i32 = 4;
    const ONEOF: i32 = 8;
    const VALUE: i32 = 2;
    const METHOD: i32 = 2;

    /// The comments of a file by the path of their declaration.
    fn comments(file: &FileDescriptorProto) -> HashMap<Vec<i32>, String> {
        let locations = &file.source_code_info.as_ref().expect("source code info").location;
        let comment = |location: &prost_types::source_code_info::Location| {
            (location.path.clone(), location.leading_comments().trim().to_owned())
        };
        locations.iter().map(comment).filter(|(_, comment)| !comment.is_empty()).collect()
    }

    fn child(path: &[i32], field: i32, index: usize) -> Vec<i32> {
        [path, &[field, i32::try_from(index).expect("few declarations")]].concat()
    }

    fn message_paths(path: &[i32], message: &prost_types::DescriptorProto) -> Vec<(Vec<i32>, String)> {
        let mut paths = vec![(path.to_vec(), message.name().to_owned())];
        for (index, field) in message.field.iter().enumerate() {
            paths.push((child(path, FIELD, index), field.name().to_owned()));
        }
        for (index, oneof) in message.oneof_decl.iter().enumerate() {
            // Every optional field has one that is not in the source.
            let is_synthetic = message.field.iter().any(|field| {
                field.proto3_optional()
                    && field.oneof_index.is_some_and(|at| usize::try_from(at) == Ok(index))
            });
            if !is_synthetic {
                paths.push((child(path, ONEOF, index), oneof.name().to_owned()));
            }
        }
        for (index, nested) in message.nested_type.iter().enumerate() {
            // A map has one that is not in the source.
            if !nested.options.as_ref().is_some_and(|options| options.map_entry()) {
                paths.extend(message_paths(&child(path, NESTED_MESSAGE, index), nested));
            }
        }
        for (index, nested) in message.enum_type.iter().enumerate() {
            paths.extend(enum_paths(&child(path, NESTED_ENUM, index), nested));
        }
        paths
    }

    fn enum_paths(path: &[i32], declared: &prost_types::EnumDescriptorProto) -> Vec<(Vec<i32>, String)> {
        let values = declared.value.iter().enumerate();
        let values = values.map(|(index, value)| (child(path, VALUE, index), value.name().to_owned()));
        [(path.to_vec(), declared.name().to_owned())].into_iter().chain(values).collect()
    }

    /// Everything that is declared in a file: its path and its name.
    fn declarations(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
        let mut paths = Vec::new();
        for (index, message) in file.message_type.iter().enumerate() {
            paths.extend(message_paths(&[MESSAGE, i32::try_from(index).expect("few messages")], message));
        }
        for (index, declared) in file.enum_type.iter().enumerate() {
            paths.extend(enum_paths(&child(&[], ENUM, index), declared));
        }
        for (index, service) in file.service.iter().enumerate() {
            let path = child(&[], SERVICE, index);
            for (index, method) in service.method.iter().enumerate() {
                paths.push((child(&path, METHOD, index), method.name().to_owned()));
            }
            paths.push((path, service.name().to_owned()));
        }
        paths
    }

    #[test]
    fn reflection_shows_a_comment_for_everything() {
        let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
        let own: Vec<_> = files.file.iter().filter(|file| !file.package().starts_with("google.")).collect();
        assert_eq!(own.len(), 4);
        for file in own {
            let (comments, declared) = (comments(file), declarations(file));
            assert!(!declared.is_empty());
            let missing: Vec<_> = declared
                .iter()
                .filter(|(path, _)| !comments.contains_key(path))
                .map(|(_, name)| name)
                .collect();
            assert!(missing.is_empty(), "{}: no comment for {missing:?}", file.name());
        }
    }
}
