//! The crates in the workspace, from `cargo metadata`.

use std::{path::PathBuf, process::Command};

use serde_json::Value;

/// A crate that cargo builds: a library, a binary, a test or a bench.
pub(crate) struct Target {
    pub(crate) package: String,
    pub(crate) root: PathBuf,
}

/// All crates of the workspace, without build scripts.
pub(crate) fn targets() -> Vec<Target> {
    let packages = packages();
    let targets_of_package = |package: &Value| {
        let name = text(&package["name"]);
        let targets =
            list(&package["targets"]).iter().filter(|target| !kinds(target).contains(&"custom-build"));
        let target =
            |target: &Value| Target { package: name.clone(), root: text(&target["src_path"]).into() };
        targets.map(target).collect::<Vec<_>>()
    };
    let mut targets: Vec<_> = packages.iter().flat_map(targets_of_package).collect();
    // Duplicates are removed, because the end-to-end tests build the `main` functions of the services again under
    // other names.
    targets.sort_by(|one, other| one.root.cmp(&other.root));
    targets.dedup_by(|one, other| one.root == other.root);
    targets
}

/// The workspace crates that a package depends on, including those that only its tests use.
pub(crate) fn dependencies(package: &str) -> Vec<String> {
    let packages = packages();
    let package = packages.iter().find(|known| known["name"] == package).expect("a package of the workspace");
    let local = list(&package["dependencies"]).iter().filter(|dependency| dependency["path"].is_string());
    local.map(|dependency| text(&dependency["name"])).collect()
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    list(&metadata["packages"]).to_vec()
}

fn kinds(target: &Value) -> Vec<&str> {
    list(&target["kind"]).iter().filter_map(Value::as_str).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
