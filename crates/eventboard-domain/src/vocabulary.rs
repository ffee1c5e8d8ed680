//! Roles and statuses, spelled as in the HTTP API and in the database.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A word that is none of the allowed ones.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be one of {}", allowed.join(", "))]
pub struct UnknownWord {
    allowed: Vec<&'static str>,
}

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
        for status in EventStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
    }

    #[test]
    fn an_unknown_word_is_told_the_allowed_ones() {
        let error = "draft".parse::<EventStatus>().expect_err("statuses are upper case");
        assert_eq!(error.to_string(), "must be one of DRAFT, SUBMITTED, APPROVED, REJECTED");
    }
}
