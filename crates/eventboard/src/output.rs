//! All output of the command. Texts from the database cannot act on the terminal, and a closed stdout or stderr ends no
//! command.

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use eventboard_chassis::stderr;
use eventboard_domain::{escape, escape_json};
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
        notice(&format!("Only the first {limit} rows are shown; use --limit to show more."));
    }
    Ok(())
}

/// Formats a value as JSON that a terminal shows as it is.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escape_json(&serde_json::to_string_pretty(value)?).into_owned() + "\n")
}

/// Writes lines to stdout. A closed pipe (as with `| head`) is not an error. What a terminal would act on is escaped.
///
/// # Errors
/// When stdout cannot be written, for example because the disk is full.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let lines: Vec<_> = text.split('\n').map(escape).collect();
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(lines.join("\n").as_bytes()).and_then(|()| stdout.flush());
    succeed_on_closed_pipe(written)
}

/// Writes a message to stderr. The message is lost if stderr is closed or full.
pub(crate) fn notice(message: &str) {
    stderr::print(message);
}

/// Prints the help or the error for a command line that runs no command, and returns its exit code.
///
/// # Errors
/// When the help cannot be written.
pub(crate) fn usage(usage: &clap::Error) -> anyhow::Result<ExitCode> {
    if usage.use_stderr() {
        // It quotes the arguments.
        notice(&usage.to_string());
    } else {
        succeed_on_closed_pipe(usage.print().and_then(|()| io::stdout().flush()))?;
    }
    Ok(u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn succeed_on_closed_pipe(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("the output cannot be written to stdout"),
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
        std::iter::once(headings).chain(rows.iter().map(|row| printable(&row.cells()))).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..R::HEADINGS.len()).map(width).collect();
    lines.iter().map(|line| align(line, &widths)).collect()
}

fn align(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join(COLUMN_GAP).trim_end().to_owned() + "\n"
}

/// Keeps every row on one line.
fn printable(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| escape(cell).into_owned()).collect()
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
    fn a_row_is_one_line_that_a_terminal_does_not_act_on() {
        let text = table(&[Pair("a\u{1b}[2Jb", "c\nd"), Pair("\u{202e}x", "\u{200b}")]);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines, [r"a\u{1b}[2Jb  c\nd", r"\u{202e}x    \u{200b}"]);
    }

    #[test]
    fn json_has_the_same_value_but_only_printable_characters() {
        let pair = Pair("\u{202e}\u{7f}", "\u{1b}\u{e0041}\n");
        let text = json(&pair).expect("JSON");
        assert_eq!(escape(text.replace('\n', "").as_str()), text.replace('\n', ""));
        let parsed: (String, String) = serde_json::from_str(&text).expect("JSON");
        assert_eq!((parsed.0.as_str(), parsed.1.as_str()), (pair.0, pair.1));
    }
}
