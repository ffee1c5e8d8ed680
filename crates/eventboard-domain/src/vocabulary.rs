//! The closed sets of words: roles, statuses, actions and orders, spelled as in the HTTP API and in the database.
//!
//! Each set is one enum, declared once. Its words are the JSON; [`Vocabulary`] is what generic code needs for all other
//! forms (a column, a query parameter, a schema), and `eventboard-proto` has the conversions of its gRPC enum.

use std::{fmt, hash::Hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// A closed set of words.
pub trait Vocabulary:
    Copy + Eq + Hash + fmt::Display + FromStr<Err = UnknownWord> + Send + Sync + 'static
{
    /// The name of the set: of the type in the database and of the schema in the API's document.
    const NAME: &'static str;
    /// What the words say, for the API's document.
    const DESCRIPTION: &'static str;
    /// Every value, in declaration order.
    const ALL: &'static [Self];

    /// The word of a value.
    fn as_str(self) -> &'static str;
}

/// A word that is none of the allowed ones.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be one of {}", allowed.join(", "))]
pub struct UnknownWord {
    allowed: Vec<&'static str>,
}

macro_rules! vocabulary {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the API and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const DESCRIPTION: &'static str = concat!($($doc),+);
            const ALL: &'static [Self] = Self::ALL;

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                word.parse().map_err(D::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| UnknownWord { allowed: Self::ALL.iter().map(|value| value.as_str()).collect() })
            }
        }
    };
}

vocabulary! {
    /// What a user may do within the own organization.
    Role {
        /// Drafts and submits own events.
        User = "USER",
        /// Also decides on submitted events and edits any.
        Moderator = "MODERATOR",
        /// Also deletes any.
        Admin = "ADMIN",
    }
}

impl Role {
    /// Whether the role sees, edits and decides on every event of the organization.
    pub const fn moderates(self) -> bool {
        matches!(self, Self::Moderator | Self::Admin)
    }
}

vocabulary! {
    /// Where an event stands; declared in workflow order, which is also the sort order.
    EventStatus {
        /// Being written by its owner.
        Draft = "DRAFT",
        /// Waiting for a moderator.
        Submitted = "SUBMITTED",
        /// Seen by the whole organization.
        Approved = "APPROVED",
        /// Sent back to its owner with a reason.
        Rejected = "REJECTED",
    }
}

vocabulary! {
    /// What the history says was done to an event.
    HistoryAction {
        /// It was created.
        Create = "CREATE",
        /// Its owner handed it in.
        Submit = "SUBMIT",
        /// A moderator accepted it.
        Approve = "APPROVE",
        /// A moderator sent it back.
        Reject = "REJECT",
        /// It was deleted.
        Delete = "DELETE",
    }
}

vocabulary! {
    /// What a listing of events is ordered by; ids break ties.
    SortBy {
        /// When the event starts.
        StartDate = "startDate",
        /// When it was made.
        CreatedAt = "createdAt",
        /// Its title, without regard to case.
        Title = "title",
        /// Its status, in workflow order.
        Status = "status",
    }
}

vocabulary! {
    /// The direction of an order.
    SortOrder {
        /// The smallest first.
        Ascending = "asc",
        /// The largest first.
        Descending = "desc",
    }
}

/// What a listing does that names no order.
impl Default for SortBy {
    fn default() -> Self {
        Self::StartDate
    }
}

/// What a listing does that names no direction.
impl Default for SortOrder {
    fn default() -> Self {
        Self::Ascending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_every_word_reads_back<T: Vocabulary + fmt::Debug>() {
        for value in T::ALL {
            assert_eq!(value.as_str().parse(), Ok(*value), "{}", T::NAME);
        }
    }

    #[test]
    fn every_word_reads_back() {
        assert_every_word_reads_back::<Role>();
        assert_every_word_reads_back::<EventStatus>();
        assert_every_word_reads_back::<HistoryAction>();
        assert_every_word_reads_back::<SortBy>();
        assert_every_word_reads_back::<SortOrder>();
    }

    #[test]
    fn an_unknown_word_is_told_the_allowed_ones() {
        let error = "draft".parse::<EventStatus>().expect_err("statuses are upper case");
        assert_eq!(error.to_string(), "must be one of DRAFT, SUBMITTED, APPROVED, REJECTED");
    }
}
