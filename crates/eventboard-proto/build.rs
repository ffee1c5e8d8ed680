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
    let files = [
        "eventboard/auth/v1/auth.proto",
        "eventboard/events/v1/events.proto",
        "eventboard/writes/v1/writes.proto",
        "grpc/health/v1/health.proto",
    ];
    let folders = [root, own];
    let descriptors = protox::compile(files, &folders)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("eventboard.bin"), descriptors.encode_to_vec())?;
    // The generated code would otherwise refer to modules that are nested like the packages.
    tonic_prost_build::configure()
        .extern_path(".eventboard.writes.v1", "crate::writes")
        .compile_fds(descriptors)?;
    let writes = protox::compile(["eventboard/writes/v1/writes.proto"], &folders)?;
    tonic_prost_build::configure().compile_fds(writes)?;
    Ok(())
}
