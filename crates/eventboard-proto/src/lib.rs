//! The gRPC code generated from `proto/`, and conversions of enums and timestamps to and from the domain.

pub mod convert;

/// The package `eventboard.auth.v1`.
pub mod auth {
    tonic::include_proto!("eventboard.auth.v1");
}

/// The package `eventboard.events.v1`.
pub mod events {
    tonic::include_proto!("eventboard.events.v1");
}

/// The descriptors of all packages, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("eventboard");
