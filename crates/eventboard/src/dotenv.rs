//! Loads environment variables from the project's `.env` file.

use thiserror::Error;

/// The file exists but cannot be read or parsed.
#[derive(Debug, Error)]
#[error("the file .env {0}")]
pub(crate) struct DotenvError(String);

/// Loads `.env` from the current folder or the nearest parent folder that has one. Variables that are already set
/// take precedence.
///
/// # Errors
/// When the file cannot be read or parsed.
pub(crate) fn load() -> Result<(), DotenvError> {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => Err(DotenvError(describe(&error))),
        _ => Ok(()),
    }
}

/// Describes the error without the invalid line, because that line may contain a secret. The library's message would
/// quote the line.
fn describe(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            format!("has an invalid line at {name:?}: expected NAME=value with matching quotes")
        }
        _ => "cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_variable_but_not_its_value() {
        let error = dotenvy::Error::LineParse("JWT_SECRET='s3cret".to_owned(), 11);
        let message = describe(&error);
        assert!(message.contains("JWT_SECRET") && !message.contains("s3cret"), "{message}");
    }
}
