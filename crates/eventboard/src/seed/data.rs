//! The demo data. The ids are fixed, so that documentation and scripts can refer to them.

use chrono::NaiveDateTime;
use eventboard_domain::{EventStatus, Role};
use uuid::Uuid;

/// The password of all demo users.
pub(crate) const PASSWORD: &str = "Password123!";

/// The hash of [`PASSWORD`]. All demo users have the same hash and salt, because the password is public anyway.
pub(super) const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZXZlbnRib2FyZC1kZW1vIQ$E46kK3AROaY/UqSPkyVJeTJQOK8wH4Ly/7ODK/HJ+BE";

pub(super) struct Organization {
    pub id: Uuid,
    pub slug: &'static str,
    pub name: &'static str,
}

pub(super) struct User {
    pub id: Uuid,
    pub organization: &'static str,
    pub email: &'static str,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub role: Role,
}

pub(super) struct Event {
    pub id: Uuid,
    pub owner: &'static str,
    pub organization: &'static str,
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
        id: Uuid::from_u128(0x1000_0000_0000_0000_0000_0000_0000_0001),
        slug: ACME,
        name: "Acme Corporation",
    },
    Organization {
        id: Uuid::from_u128(0x1000_0000_0000_0000_0000_0000_0000_0002),
        slug: TECH,
        name: "Tech Innovators",
    },
];

pub(super) const USERS: [User; 4] = [
    User {
        id: Uuid::from_u128(0x2000_0000_0000_0000_0000_0000_0000_0001),
        organization: ACME,
        email: "admin@acme.com",
        first_name: "Alice",
        last_name: "Admin",
        role: Role::Admin,
    },
    User {
        id: Uuid::from_u128(0x2000_0000_0000_0000_0000_0000_0000_0002),
        organization: ACME,
        email: "moderator@acme.com",
        first_name: "Mona",
        last_name: "Moderator",
        role: Role::Moderator,
    },
    User {
        id: Uuid::from_u128(0x2000_0000_0000_0000_0000_0000_0000_0003),
        organization: ACME,
        email: "user@acme.com",
        first_name: "Uma",
        last_name: "User",
        role: Role::User,
    },
    User {
        id: Uuid::from_u128(0x2000_0000_0000_0000_0000_0000_0000_0004),
        organization: TECH,
        email: "user@techinnovators.com",
        first_name: "Theo",
        last_name: "Tech",
        role: Role::User,
    },
];

pub(super) const EVENTS: [Event; 3] = [
    Event {
        id: Uuid::from_u128(1),
        owner: "admin@acme.com",
        organization: ACME,
        title: "Annual Tech Conference 2026",
        description: "Three days of talks and workshops about the technology that we build on.",
        location: "San Francisco, CA",
        start: "2026-06-15 09:00",
        end: "2026-06-17 18:00",
        status: EventStatus::Approved,
    },
    Event {
        id: Uuid::from_u128(2),
        owner: "user@acme.com",
        organization: ACME,
        title: "Team Building Workshop",
        description: "A day of exercises in which the teams get to know each other.",
        location: "Office",
        start: "2026-03-20 10:00",
        end: "2026-03-20 16:00",
        status: EventStatus::Submitted,
    },
    Event {
        id: Uuid::from_u128(3),
        owner: "user@techinnovators.com",
        organization: TECH,
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
    use argon2::{Argon2, PasswordHash, PasswordVerifier};

    use super::*;

    #[test]
    fn the_events_have_their_documented_ids() {
        assert_eq!(EVENTS[1].id.to_string(), "00000000-0000-0000-0000-000000000002");
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
