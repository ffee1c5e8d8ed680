//! Instants as the API answers them.

use chrono::SecondsFormat;
use eventboard_proto::convert;
use prost_types::Timestamp;

/// An instant of a service in RFC 3339, UTC, to the millisecond; `None` when there is none.
pub(super) fn to_json(timestamp: Option<Timestamp>) -> Option<String> {
    let instant = convert::instant(&timestamp?)?;
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
        assert_eq!(to_json(Some(convert::timestamp(instant))).as_deref(), Some("2026-06-15T09:00:00.000Z"));
        assert_eq!(to_json(Some(Timestamp { seconds: 0, nanos: -1 })), None);
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(millis in -62_135_596_800_000i64..=253_402_300_799_999) {
            let instant = rules::instant(millis).expect("in range");
            let text = to_json(Some(convert::timestamp(instant))).expect("an instant");
            prop_assert_eq!(rules::timestamp(&text), Ok(instant));
        }
    }
}
