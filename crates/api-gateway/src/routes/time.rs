//! Timestamps in responses.

use chrono::SecondsFormat;
use eventboard_proto::convert;
use prost_types::Timestamp;

/// Formats a timestamp as RFC 3339 in UTC with milliseconds. `None` if it is missing or out of range.
pub(super) fn to_rfc3339(timestamp: Option<Timestamp>) -> Option<String> {
    let instant = convert::instant(&timestamp?)?;
    Some(instant.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use eventboard_domain::rules;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_are_in_utc_with_milliseconds() {
        let instant = rules::timestamp("2026-06-15T11:00:00+02:00").expect("an instant");
        assert_eq!(
            to_rfc3339(Some(convert::timestamp(instant))).as_deref(),
            Some("2026-06-15T09:00:00.000Z")
        );
        assert_eq!(to_rfc3339(Some(Timestamp { seconds: 0, nanos: -1 })), None);
    }

    proptest! {
        #[test]
        fn every_timestamp_parses_back_to_its_instant(millis in -62_135_596_800_000i64..=253_402_300_799_999) {
            let instant = rules::instant(millis).expect("in range");
            let text = to_rfc3339(Some(convert::timestamp(instant))).expect("an instant");
            prop_assert_eq!(rules::timestamp(&text), Ok(instant));
        }
    }
}
