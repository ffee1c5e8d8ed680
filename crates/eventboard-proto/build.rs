//! Compiles `proto/`, and the interfaces of others in `grpc/`, without `protoc`.

use std::{env, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = own.join("../../proto");
    for folder in [&root, &own.join("grpc")] {
        println!("cargo::rerun-if-changed={}", folder.display());
    }

    // With the comments, which clients of gRPC reflection show.
    let files =
        ["eventboard/auth/v1/auth.proto", "eventboard/events/v1/events.proto", "grpc/health/v1/health.proto"];
    let descriptors = protox::compile(files, [root, own])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("eventboard.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
