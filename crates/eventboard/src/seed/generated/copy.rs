//! Writes rows with COPY, which is much faster than `insert`.

use std::fmt::{self, Display, Write};

use sqlx::PgConnection;

/// Rows in the text format of COPY.
#[derive(Debug, Default)]
pub(super) struct Rows(String);

impl Rows {
    /// Adds a value to the last row.
    pub(super) fn value(&mut self, value: impl Display) -> &mut Self {
        // Writing to a string never fails.
        let _ = write!(Escaped(&mut self.0), "{value}");
        self.0.push('\t');
        self
    }

    /// Adds a value or NULL to the last row.
    pub(super) fn optional(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.value(value),
            None => {
                self.0.push_str("\\N\t");
                self
            }
        }
    }

    /// Ends the last row.
    pub(super) fn end(&mut self) {
        self.0.pop();
        self.0.push('\n');
    }

    /// Writes the rows to a table with these columns, and removes them from here.
    pub(super) async fn copy_to(&mut self, connection: &mut PgConnection, table: &str) -> sqlx::Result<()> {
        let mut copy = connection.copy_in_raw(&format!("copy {table} from stdin")).await?;
        copy.send(self.0.as_bytes()).await?;
        copy.finish().await?;
        self.0.clear();
        Ok(())
    }
}

/// Escapes the characters with a meaning in the text format.
struct Escaped<'t>(&'t mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['\\', '\t', '\n', '\r']) {
            let (plain, escaped) = match part.as_bytes().last() {
                Some(b'\\') => (&part[..part.len() - 1], "\\\\"),
                Some(b'\t') => (&part[..part.len() - 1], "\\t"),
                Some(b'\n') => (&part[..part.len() - 1], "\\n"),
                Some(b'\r') => (&part[..part.len() - 1], "\\r"),
                _ => (part, ""),
            };
            self.0.push_str(plain);
            self.0.push_str(escaped);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_separated() {
        let mut rows = Rows::default();
        rows.value("a\tb\\c").value(7).optional(None::<&str>).end();
        rows.value("ß\r\n").optional(Some("\\N")).value("").end();
        assert_eq!(rows.0, "a\\tb\\\\c\t7\t\\N\nß\\r\\n\t\\\\N\t\n");
    }
}
