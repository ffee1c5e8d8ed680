//! Lists as people and programs read them.

use std::io::{self, ErrorKind, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::cli::ListArgs;

/// Between two columns.
const GAP: &str = "  ";

/// What a list consists of; as JSON it is the object itself.
pub(crate) trait Row: Serialize {
    /// The headings of the table.
    const HEADINGS: &'static [&'static str];

    /// One text for each heading.
    fn cells(&self) -> Vec<String>;
}

/// Prints the rows that were fetched with [`ListArgs::fetch`].
pub(crate) fn list<R: Row>(mut rows: Vec<R>, args: ListArgs) -> anyhow::Result<()> {
    let limit = args.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let text = if args.json { serde_json::to_string_pretty(&rows)? + "\n" } else { table(&rows) };
    print(&text)?;
    if has_more {
        eprintln!("Only the first {limit} are shown; --limit shows more.");
    }
    Ok(())
}

/// Writes to stdout. Somebody who has read enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A moment as the API writes it.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn table<R: Row>(rows: &[R]) -> String {
    let headings = R::HEADINGS.iter().map(|heading| (*heading).to_owned()).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(headings).chain(rows.iter().map(|row| printable(row.cells()))).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..R::HEADINGS.len()).map(width).collect();
    lines.iter().map(|line| aligned(line, &widths)).collect()
}

fn aligned(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join(GAP).trim_end().to_owned() + "\n"
}

/// Texts of users must neither break the table nor reach the terminal as commands.
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
    fn columns_are_as_wide_as_their_widest_text() {
        let text = table(&[Pair("größer", "a"), Pair("b", "")]);
        assert_eq!(text, "NAME    TEXT\ngrößer  a\nb\n");
    }

    #[test]
    fn a_table_without_rows_still_says_what_it_lists() {
        assert_eq!(table::<Pair>(&[]), "NAME  TEXT\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(table(&[Pair("a\u{1b}[2Jb", "c\nd")]).lines().nth(1), Some("a [2Jb  c d"));
    }
}
