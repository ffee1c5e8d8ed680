//! The gRPC code generated from `proto/`, and the conversions between its enums and timestamps and the domain's.

pub mod convert;

/// `eventboard.auth.v1`
pub mod auth {
    tonic::include_proto!("eventboard.auth.v1");
}

/// `eventboard.events.v1`
pub mod events {
    tonic::include_proto!("eventboard.events.v1");
}

/// All descriptors, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("eventboard");
