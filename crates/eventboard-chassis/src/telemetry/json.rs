//! A log line as one JSON object. Fields of the event and of its spans stand side by side at the top, so that
//! `correlation_id` is found in the same place on every line.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Writes the lines of one process.
pub(super) struct JsonLine {
    pub(super) process: &'static str,
}

impl<S> FormatEvent<S, Members> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        line.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut line)?;
        write!(line, r#"","level":"{}","target":"{}""#, metadata.level(), metadata.target())?;
        write!(line, r#","process":"{}""#, self.process)?;
        context.format_fields(line.by_ref(), event)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(members) = span.extensions().get::<FormattedFields<Members>>() {
                match is_shadowed(span.metadata(), metadata) {
                    true => write_others(&mut line, members, metadata)?,
                    false => line.write_str(members)?,
                }
            }
        }
        line.write_str("}\n")
    }
}

/// Whether the event has a field of the same name as one of the span.
fn is_shadowed(span: &Metadata<'_>, event: &Metadata<'_>) -> bool {
    span.fields().iter().any(|field| event.fields().field(field.name()).is_some())
}

/// Writes the members of a span that its event does not have: no name stands twice on a line.
fn write_others(line: &mut Writer<'_>, members: &str, event: &Metadata<'_>) -> fmt::Result {
    let object = format!("{{{}}}", members.trim_start_matches(','));
    let members: Map<String, Value> = serde_json::from_str(&object).unwrap_or_default();
    for (name, value) in members.iter().filter(|(name, _)| event.fields().field(name.as_str()).is_none()) {
        write!(line, r#","{name}":{value}"#)?;
    }
    Ok(())
}

/// Fields as members of an object, each with a comma before it. Nothing is collected or copied: lines are written for
/// every request.
pub(super) struct Members;

impl<'writer> FormatFields<'writer> for Members {
    fn format_fields<R: RecordFields>(&self, line: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { line, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct Visitor<'writer> {
    line: Writer<'writer>,
    outcome: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: impl fmt::Display) {
        let name = field.name().trim_start_matches("r#");
        let written = write!(self.line, r#","{name}":{value}"#);
        self.outcome = self.outcome.and(written);
    }
}

impl Visit for Visitor<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        match value.is_finite() {
            true => self.write(field, value),
            false => self.write(field, "null"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, Quoted(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, Quoted(&format!("{value:?}")));
    }
}

/// A JSON string.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        match is_plain {
            true => write!(f, "\"{}\"", self.0),
            false => f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(log: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer()
            .fmt_fields(Members)
            .event_format(JsonLine { process: "a-service" })
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let written = lines.0.lock().expect("no panic").clone();
        let text = String::from_utf8(written).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_all_its_spans() {
        let line = line(|| {
            let _outer = tracing::info_span!("request", correlation_id = "a \"quoted\" id\n").entered();
            let _inner = tracing::info_span!("nothing").entered();
            tracing::warn!(status = 503, duration_ms = 1.5, "Request {}", "finished");
        });
        assert_eq!(line["message"], "Request finished");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["process"], "a-service");
        assert_eq!(line["correlation_id"], "a \"quoted\" id\n");
        assert_eq!((&line["status"], &line["duration_ms"]), (&503.into(), &1.5.into()));
        let timestamp = line["timestamp"].as_str().expect("a text");
        assert!(timestamp.ends_with('Z') && timestamp.contains('T'), "{timestamp}");
    }

    #[test]
    fn every_kind_of_value_has_its_form() {
        let line = line(|| {
            let error: Box<dyn std::error::Error> = "broken \\ \u{7}".into();
            let (id, nothing) = (tracing::field::display("a-b"), None::<u64>);
            tracing::info!(whole = -5, right = true, endless = f64::INFINITY, id, nothing, cause = %error, text = "ü");
        });
        assert_eq!(
            (&line["whole"], &line["right"], &line["endless"]),
            (&(-5).into(), &true.into(), &Value::Null)
        );
        assert_eq!((&line["id"], line.get("nothing"), &line["text"]), (&"a-b".into(), None, &"ü".into()));
        assert_eq!(line["cause"], "broken \\ \u{7}");
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_read_as_it_was_written(text: String) {
            let read: String = serde_json::from_str(&Quoted(&text).to_string()).expect("JSON");
            proptest::prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn a_field_of_the_event_stands_for_the_one_of_its_span() {
        let mut names = 0;
        let line = line(|| {
            let _span = tracing::info_span!("request", method = "GET", path = "/events").entered();
            tracing::info!(method = "FindOne", "Retry");
        });
        for (name, _) in line.as_object().expect("an object") {
            names += usize::from(name == "method");
        }
        assert_eq!((names, &line["method"], &line["path"]), (1, &"FindOne".into(), &"/events".into()));
    }
}
