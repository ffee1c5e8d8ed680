//! Between the messages and the domain: the one table of each enum, and instants.
//!
//! It stands beside the generated code because a conversion has to stand with one of its two types, and the domain knows
//! nobody.

use chrono::{DateTime, Utc};
use eventboard_domain::{EventStatus, Role, SortBy};
use prost_types::Timestamp;

use crate::{
    auth::Role as RoleMessage,
    events::{EventStatus as EventStatusMessage, SortBy as SortByMessage},
};

/// A message that names no value of an enum, or one of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unspecified;

macro_rules! enum_conversions {
    ($domain:ident, $message:ident { $($variant:ident),+ } $(or $unspecified:ident)?) => {
        impl From<$domain> for $message {
            fn from(value: $domain) -> Self {
                match value {
                    $($domain::$variant => Self::$variant,)+
                }
            }
        }

        impl TryFrom<$message> for $domain {
            type Error = Unspecified;

            fn try_from(message: $message) -> Result<Self, Unspecified> {
                match message {
                    $($message::$variant => Ok(Self::$variant),)+
                    $($message::$unspecified => Err(Unspecified),)?
                }
            }
        }
    };
}

enum_conversions!(Role, RoleMessage { User, Moderator, Admin } or Unspecified);
enum_conversions!(EventStatus, EventStatusMessage { Draft, Submitted, Approved, Rejected } or Unspecified);
enum_conversions!(SortBy, SortByMessage { StartDate, CreatedAt, Title, Status });

/// The message for an instant.
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    // Below 2^31, for a nanosecond count of a second is.
    let nanos = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: instant.timestamp(), nanos }
}

/// The instant of a message; `None` when it is none that the calendar has.
pub fn instant(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}

#[cfg(test)]
mod tests {
    use eventboard_domain::Vocabulary;

    use super::*;

    fn assert_reads_back<D, P>()
    where
        D: Vocabulary + std::fmt::Debug + TryFrom<P, Error = Unspecified>,
        P: From<D>,
    {
        for value in D::ALL {
            assert_eq!(D::try_from(P::from(*value)), Ok(*value));
        }
    }

    #[test]
    fn every_enum_reads_back() {
        assert_reads_back::<Role, RoleMessage>();
        assert_reads_back::<EventStatus, EventStatusMessage>();
        assert_reads_back::<SortBy, SortByMessage>();
        assert_eq!(Role::try_from(RoleMessage::Unspecified), Err(Unspecified));
    }

    #[test]
    fn an_instant_before_1970_counts_its_nanoseconds_forwards() {
        let before = DateTime::from_timestamp_millis(-1).expect("an instant");
        assert_eq!(timestamp(before), Timestamp { seconds: -1, nanos: 999_000_000 });
        assert_eq!(instant(&timestamp(before)), Some(before));
    }

    #[test]
    fn a_timestamp_that_is_none_is_refused() {
        assert_eq!(instant(&Timestamp { seconds: 0, nanos: -1 }), None);
        assert_eq!(instant(&Timestamp { seconds: i64::MAX, nanos: 0 }), None);
    }
}
