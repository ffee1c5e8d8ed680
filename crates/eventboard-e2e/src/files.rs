//! Reads project files, including YAML files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The root folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of a file.
pub fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file.
pub fn documents(path: impl AsRef<Path>) -> Vec<Value> {
    let path = path.as_ref();
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The only document of a YAML file.
pub fn document(path: impl AsRef<Path>) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The files in a folder whose names have this ending, sorted.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths: Vec<_> =
        names.filter(|name| name.ends_with(ending)).map(|name| Path::new(folder).join(name)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder} has no file *{ending}");
    paths
}
