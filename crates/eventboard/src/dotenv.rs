//! The file `.env` of the project: variables for whoever does not want to export them.

use thiserror::Error;

/// The file is there but cannot be used.
#[derive(Debug, Error)]
#[error("the file .env {0}")]
pub(crate) struct Malformed(String);

/// Loads `.env` from this folder or the nearest one above that has it. What the environment says
/// already goes first.
///
/// # Errors
/// When the file cannot be read or understood.
pub(crate) fn load() -> Result<(), Malformed> {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => Err(Malformed(complaint(&error))),
        _ => Ok(()),
    }
}

/// The library's own message quotes the line, which may hold a secret.
fn complaint(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            format!("has a line that is not NAME=value, or whose quotes do not match, at {name:?}")
        }
        _ => "cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_the_variable_and_not_its_value() {
        let error = dotenvy::Error::LineParse("JWT_SECRET='s3cret".to_owned(), 11);
        let complaint = complaint(&error);
        assert!(complaint.contains("JWT_SECRET") && !complaint.contains("s3cret"), "{complaint}");
    }
}
