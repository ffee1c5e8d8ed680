//! Compiles `proto/` without `protoc`.

use std::{env, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let descriptors =
        protox::compile(["eventboard/auth/v1/auth.proto", "eventboard/events/v1/events.proto"], [root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("eventboard.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
