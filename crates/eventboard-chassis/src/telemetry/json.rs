//! Formats a log line as one JSON object. The fields of the event and of its spans are all top-level members, so that
//! `correlation_id` is in the same place on every line.

use std::fmt;

use eventboard_domain::escape_json;
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

/// Formats the log lines of one process.
pub(super) struct JsonFormatter {
    pub(super) process: &'static str,
}

impl<S> FormatEvent<S, JsonFields> for JsonFormatter
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
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
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                match has_common_field(span.metadata(), metadata) {
                    true => write_other_fields(&mut line, fields, metadata)?,
                    false => line.write_str(fields)?,
                }
            }
        }
        line.write_str("}\n")
    }
}

/// Whether the span and the event have a field with the same name.
fn has_common_field(span: &Metadata<'_>, event: &Metadata<'_>) -> bool {
    span.fields().iter().any(|field| event.fields().field(field.name()).is_some())
}

/// Writes the fields of a span that its event does not have, so that no name occurs twice on a line.
fn write_other_fields(line: &mut Writer<'_>, span_fields: &str, event: &Metadata<'_>) -> fmt::Result {
    let object = format!("{{{}}}", span_fields.trim_start_matches(','));
    let fields: Map<String, Value> = serde_json::from_str(&object).unwrap_or_default();
    for (name, value) in fields.iter().filter(|(name, _)| event.fields().field(name.as_str()).is_none()) {
        write!(line, r#","{name}":{value}"#)?;
    }
    Ok(())
}

/// Formats fields as members of a JSON object, each with a leading comma. Makes no intermediate copies, because every
/// request writes log lines.
pub(super) struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
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
        // JSON has no infinity and no NaN.
        match value.is_finite() {
            true => self.write(field, value),
            false => self.write(field, "null"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, JsonString(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, JsonString(&format!("{value:?}")));
    }
}

/// Formats a text as a JSON string. What a terminal would act on is escaped, because people read logs on terminals.
struct JsonString<'t>(&'t str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs_no_escapes =
            self.0.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        match needs_no_escapes {
            true => write!(f, "\"{}\"", self.0),
            false => f.write_str(&escape_json(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use eventboard_domain::escape;
    use tracing_subscriber::fmt;

    use super::{super::testing::logged, *};

    fn line(log: impl FnOnce()) -> Value {
        let format = JsonFormatter { process: "a-service" };
        let text = logged(fmt::layer().fmt_fields(JsonFields).event_format(format), log);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_all_its_spans() {
        let line = line(|| {
            let _outer = tracing::info_span!("request", correlation_id = "a \"quoted\" id\n").entered();
            let _inner = tracing::info_span!("without_fields").entered();
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
    fn every_type_of_value_is_written_as_json() {
        let line = line(|| {
            let error: Box<dyn std::error::Error> = "broken \\ \u{7}".into();
            let (id, absent) = (tracing::field::display("a-b"), None::<u64>);
            tracing::info!(
                integer = -5,
                boolean = true,
                infinite = f64::INFINITY,
                id,
                absent,
                cause = %error,
                text = "ü"
            );
        });
        assert_eq!(
            (&line["integer"], &line["boolean"], &line["infinite"]),
            (&(-5).into(), &true.into(), &Value::Null)
        );
        assert_eq!((&line["id"], line.get("absent"), &line["text"]), (&"a-b".into(), None, &"ü".into()));
        assert_eq!(line["cause"], "broken \\ \u{7}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_survives_a_round_trip(text: String) {
            let json = JsonString(&text).to_string();
            proptest::prop_assert_eq!(escape(&json), json.as_str());
            let parsed: String = serde_json::from_str(&json).expect("JSON");
            proptest::prop_assert_eq!(parsed, text);
        }
    }

    #[test]
    fn a_field_of_the_event_replaces_the_field_of_its_span() {
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
