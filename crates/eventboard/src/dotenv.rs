//! Reads the project's `.env` file.

use std::{
    collections::HashMap,
    env, fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use eventboard_chassis::{config::Env, dotenv};
use thiserror::Error;

/// The variables of the file, once it is loaded.
static VARIABLES: OnceLock<HashMap<String, String>> = OnceLock::new();

/// The file exists but cannot be read or parsed.
#[derive(Debug, Error)]
pub(crate) enum DotenvError {
    /// The file cannot be read.
    #[error("the file {0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    /// The file has an invalid line.
    #[error("the file {0}, {1}")]
    Invalid(PathBuf, dotenv::DotenvError),
}

/// Loads `.env` from the current folder or the nearest parent folder that has one.
///
/// # Errors
/// When the file cannot be read or parsed.
pub(crate) fn load() -> Result<(), DotenvError> {
    let folder = env::current_dir().unwrap_or_default();
    let found = folder.ancestors().find_map(|folder| read(&folder.join(".env")).transpose());
    let variables = found.transpose()?.unwrap_or_default();
    VARIABLES.get_or_init(|| variables);
    Ok(())
}

/// The environment of this process, and the variables of `.env` that it does not contain.
pub(crate) fn environment() -> Env {
    let of_file = VARIABLES.get().cloned().unwrap_or_default();
    Env::of_process().with_missing(of_file)
}

/// Reads a file. `None` if it does not exist, or is a folder, such as a virtual environment of Python.
fn read(path: &Path) -> Result<Option<HashMap<String, String>>, DotenvError> {
    match fs::read(path) {
        Ok(text) => {
            dotenv::parse(&text).map(Some).map_err(|error| DotenvError::Invalid(path.to_owned(), error))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
            Ok(None)
        }
        Err(error) => Err(DotenvError::Unreadable(path.to_owned(), error)),
    }
}
