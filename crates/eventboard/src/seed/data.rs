//! The demo data. The ids are fixed, so that documentation and scripts can refer to them, and so that the seed recognizes
//! what it created. They are UUIDs of version 7 (RFC 9562, section 5.7), because strict clients refuse other versions.

use chrono::NaiveDateTime;
use eventboard_domain::{EventStatus, Role};
use uuid::Uuid;

/// The password of all demo users.
pub(crate) const PASSWORD: &str = "Password123!";

/// The hash of [`PASSWORD`]. All demo users have the same hash and salt, because the password is public anyway.
pub(super) const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZXZlbnRib2FyZC1kZW1vIQ$E46kK3AROaY/UqSPkyVJeTJQOK8wH4Ly/7ODK/HJ+BE";

/// The id of a row.
pub(super) struct Id {
    /// The id of a new row.
    pub current: Uuid,
    /// The id in databases that 0.1.0 seeded. It is not a UUID of a defined version.
    pub earlier: Uuid,
}

impl Id {
    /// An id that ends with `suffix`: 01890000-0000-7000-8000-…
    const fn new(suffix: u128, earlier: u128) -> Self {
        let prefix = 0x0189_0000_0000_7000_8000_0000_0000_0000;
        Self { current: Uuid::from_u128(prefix + suffix), earlier: Uuid::from_u128(earlier) }
    }
}

pub(super) struct Organization {
    pub id: Id,
    pub slug: &'static str,
    pub name: &'static str,
}

pub(super) struct User {
    pub id: Id,
    pub organization: &'static str,
    pub email: &'static str,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub role: Role,
}

pub(super) struct Event {
    pub id: Id,
    /// The email address of the owner.
    pub owner: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub location: &'static str,
    /// In UTC, as `YYYY-MM-DD HH:MM`.
    pub start: &'static str,
    pub end: &'static str,
    pub status: EventStatus,
}

/// Parses the `start` or `end` of a demo event.
pub(super) fn parse_time(text: &str) -> chrono::ParseResult<chrono::DateTime<chrono::Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").map(|time| time.and_utc())
}

const ACME: &str = "acme-corp";
const TECH: &str = "tech-innovators";

pub(super) const ORGANIZATIONS: [Organization; 2] = [
    Organization {
        id: Id::new(0xa1, 0x1000_0000_0000_0000_0000_0000_0000_0001),
        slug: ACME,
        name: "Acme Corporation",
    },
    Organization {
        id: Id::new(0xa2, 0x1000_0000_0000_0000_0000_0000_0000_0002),
        slug: TECH,
        name: "Tech Innovators",
    },
];

pub(super) const USERS: [User; 4] = [
    User {
        id: Id::new(0xb1, 0x2000_0000_0000_0000_0000_0000_0000_0001),
        organization: ACME,
        email: "admin@acme.com",
        first_name: "Alice",
        last_name: "Admin",
        role: Role::Admin,
    },
    User {
        id: Id::new(0xb2, 0x2000_0000_0000_0000_0000_0000_0000_0002),
        organization: ACME,
        email: "moderator@acme.com",
        first_name: "Mona",
        last_name: "Moderator",
        role: Role::Moderator,
    },
    User {
        id: Id::new(0xb3, 0x2000_0000_0000_0000_0000_0000_0000_0003),
        organization: ACME,
        email: "user@acme.com",
        first_name: "Uma",
        last_name: "User",
        role: Role::User,
    },
    User {
        id: Id::new(0xb4, 0x2000_0000_0000_0000_0000_0000_0000_0004),
        organization: TECH,
        email: "user@techinnovators.com",
        first_name: "Theo",
        last_name: "Tech",
        role: Role::User,
    },
];

pub(super) const EVENTS: [Event; 3] = [
    Event {
        id: Id::new(1, 1),
        owner: "admin@acme.com",
        title: "Annual Tech Conference 2026",
        description: "Three days of talks and workshops about the technology that we build on.",
        location: "San Francisco, CA",
        start: "2026-06-15 09:00",
        end: "2026-06-17 18:00",
        status: EventStatus::Approved,
    },
    Event {
        id: Id::new(2, 2),
        owner: "user@acme.com",
        title: "Team Building Workshop",
        description: "A day of exercises in which the teams get to know each other.",
        location: "Office",
        start: "2026-03-20 10:00",
        end: "2026-03-20 16:00",
        status: EventStatus::Submitted,
    },
    Event {
        id: Id::new(3, 3),
        owner: "user@techinnovators.com",
        title: "Innovation Summit",
        description: "Ideas for the coming year, presented by those who had them.",
        location: "Virtual",
        start: "2026-04-10 14:00",
        end: "2026-04-10 17:00",
        status: EventStatus::Draft,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use argon2::{Argon2, PasswordHash, PasswordVerifier};

    use super::*;

    #[test]
    fn all_ids_are_different_uuids_of_version_7() {
        let ids = ORGANIZATIONS.iter().map(|organization| &organization.id);
        let ids = ids.chain(USERS.iter().map(|user| &user.id)).chain(EVENTS.iter().map(|event| &event.id));
        let current: BTreeSet<Uuid> = ids.map(|id| id.current).collect();
        assert_eq!(current.len(), 9);
        for id in current {
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122), "{id}");
        }
        assert_eq!(EVENTS[1].id.current.to_string(), "01890000-0000-7000-8000-000000000002");
        assert_eq!(EVENTS[1].id.earlier.to_string(), "00000000-0000-0000-0000-000000000002");
    }

    #[test]
    fn the_hash_matches_the_password() {
        let hash = PasswordHash::new(PASSWORD_HASH).expect("a hash");
        Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).expect("the password");
    }

    #[test]
    fn every_event_has_valid_times_and_ends_after_its_start() {
        for event in &EVENTS {
            assert!(parse_time(event.start).expect("a start") < parse_time(event.end).expect("an end"));
        }
    }
}
