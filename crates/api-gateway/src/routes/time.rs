//! Instants between JSON and the services.

use chrono::{DateTime, SecondsFormat, Utc};
use prost_types::Timestamp;

/// An instant for a service.
pub(super) fn to_proto(instant: DateTime<Utc>) -> Timestamp {
    // Below 2^31, for a nanosecond count of a second is.
    let nanos = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: instant.timestamp(), nanos }
}

/// An instant of a service in RFC 3339, UTC, to the millisecond.
pub(super) fn to_json(timestamp: Timestamp) -> Option<String> {
    let nanos = u32::try_from(timestamp.nanos).ok()?;
    let instant = DateTime::from_timestamp(timestamp.seconds, nanos)?;
    Some(instant.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use eventboard_domain::rules;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_are_utc_with_milliseconds() {
        let instant = rules::timestamp("2026-06-15T11:00:00+02:00").expect("an instant");
        assert_eq!(to_json(to_proto(instant)).as_deref(), Some("2026-06-15T09:00:00.000Z"));
        assert_eq!(to_json(Timestamp { seconds: 0, nanos: -1 }), None);
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(millis in -62_135_596_800_000i64..=253_402_300_799_999) {
            let instant = rules::instant(millis).expect("in range");
            let text = to_json(to_proto(instant)).expect("an instant");
            prop_assert_eq!(rules::timestamp(&text), Ok(instant));
        }
    }
}
