//! Output of lists, as a table or as JSON.

use std::io::{self, ErrorKind, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::cli::ListArgs;

const COLUMN_GAP: &str = "  ";

/// One row of a list. In JSON, a row is the serialized object.
pub(crate) trait Row: Serialize {
    /// The column headings of the table.
    const HEADINGS: &'static [&'static str];

    /// The texts of the row, one per heading.
    fn cells(&self) -> Vec<String>;
}

/// Prints the rows that were fetched with [`ListArgs::fetch_limit`].
pub(crate) fn list<R: Row>(mut rows: Vec<R>, args: ListArgs) -> anyhow::Result<()> {
    let limit = args.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let text = if args.json { json(&rows)? } else { table(&rows) };
    print(&text)?;
    if has_more {
        eprintln!("Only the first {limit} rows are shown; use --limit to show more.");
    }
    Ok(())
}

/// Formats a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes to stdout. A closed pipe (as with `| head`) is not an error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Formats a timestamp in the same way as the API.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Formats the rows as a table with headings.
pub(crate) fn table<R: Row>(rows: &[R]) -> String {
    let headings = R::HEADINGS.iter().map(|heading| (*heading).to_owned()).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(headings).chain(rows.iter().map(|row| printable(row.cells()))).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..R::HEADINGS.len()).map(width).collect();
    lines.iter().map(|line| align(line, &widths)).collect()
}

fn align(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join(COLUMN_GAP).trim_end().to_owned() + "\n"
}

/// Replaces control characters, because texts from users must not break the table or act as terminal escape
/// sequences.
fn printable(cells: Vec<String>) -> Vec<String> {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    cells.into_iter().map(|cell| cell.chars().map(visible).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair(&'static str, &'static str);

    impl Row for Pair {
        const HEADINGS: &'static [&'static str] = &["NAME", "TEXT"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), self.1.to_owned()]
        }
    }

    #[test]
    fn a_column_is_as_wide_as_its_longest_text() {
        let text = table(&[Pair("größer", "a"), Pair("b", "")]);
        assert_eq!(text, "NAME    TEXT\ngrößer  a\nb\n");
    }

    #[test]
    fn an_empty_table_still_has_headings() {
        assert_eq!(table::<Pair>(&[]), "NAME  TEXT\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(table(&[Pair("a\u{1b}[2Jb", "c\nd")]).lines().nth(1), Some("a [2Jb  c d"));
    }
}
