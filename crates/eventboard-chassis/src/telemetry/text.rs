//! Formats the fields of a log line as text that a terminal shows as it is.

use std::fmt;

use eventboard_domain::escape;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields,
        format::{DefaultFields, Writer},
    },
};

/// Formats fields as `tracing` does, but without colors, and escapes what a terminal would act on. The values may come
/// from clients.
pub(super) struct PrintableFields;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, mut line: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        line.write_str(&escape(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::logged, *};

    #[test]
    fn a_line_contains_nothing_that_a_terminal_acts_on() {
        let layer = tracing_subscriber::fmt::layer().fmt_fields(PrintableFields).with_target(false);
        let line = logged(layer, || {
            let _span = tracing::info_span!("request", path = "/\u{202e}a\u{1b}[2J").entered();
            tracing::info!(reason = %"first\nsecond\u{200b}", "From \u{9b}31m{}", "client\u{2066}\r\n");
        });
        assert!(line.ends_with('\n'), "{line:?}");
        assert_eq!(escape(line.trim_end_matches('\n')), line.trim_end_matches('\n'));
        for part in ["first\\nsecond\\u{200b}", "From \\u{9b}31mclient\\u{2066}\\r\\n", "\\u{202e}a"] {
            assert!(line.contains(part), "{line:?} lacks {part}");
        }
    }
}
