//! Validation rules. Each kind of input has one function, which validates the input and returns the value to store.
//!
//! Text is trimmed before its length is checked. Blank text counts as missing. Lengths are in characters, not bytes.
//! A message is phrased to follow the name of the field: `is required`.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use email_address::{EmailAddress, Options};

/// The length of an event's title.
pub const TITLE_LENGTH: RangeInclusive<usize> = 3..=200;
/// The length of an event's description.
pub const DESCRIPTION_LENGTH: RangeInclusive<usize> = 10..=5000;
/// The length of an event's location.
pub const LOCATION_LENGTH: RangeInclusive<usize> = 1..=300;
/// The length of a rejection reason.
pub const REASON_LENGTH: RangeInclusive<usize> = 10..=500;
/// The length of a person's first or last name.
pub const PERSON_NAME_LENGTH: RangeInclusive<usize> = 1..=50;
/// The length of an organization's name.
pub const ORGANIZATION_NAME_LENGTH: RangeInclusive<usize> = 2..=100;
/// The length of a password, which is never trimmed.
pub const PASSWORD_LENGTH: RangeInclusive<usize> = 8..=100;
/// The maximum length of an e-mail address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
pub const EMAIL_MAX_LENGTH: usize = 254;
/// The maximum length of a search text.
pub const SEARCH_MAX_LENGTH: usize = 200;
/// The number of rows that a client may request for a page.
pub const PAGE_LIMIT: RangeInclusive<u32> = 1..=100;
/// The number of rows of a page when the request contains no limit.
pub const DEFAULT_PAGE_LIMIT: u32 = 10;
/// The last row that can be reached by page number. Later rows need a cursor.
pub const MAX_PAGED_ROWS: u64 = 100_000;

/// The message for a missing or blank field.
pub const REQUIRED: &str = "is required";

/// Validates an event's title.
pub fn title(raw: &str) -> Result<String, String> {
    required_text(raw, TITLE_LENGTH)
}

/// Validates an event's description.
pub fn description(raw: &str) -> Result<String, String> {
    required_text(raw, DESCRIPTION_LENGTH)
}

/// Validates an event's location; `None` when blank.
pub fn location(raw: &str) -> Result<Option<String>, String> {
    optional_text(raw, *LOCATION_LENGTH.end())
}

/// Validates a rejection reason.
pub fn reason(raw: &str) -> Result<String, String> {
    required_text(raw, REASON_LENGTH)
}

/// Validates a person's first or last name.
pub fn person_name(raw: &str) -> Result<String, String> {
    required_text(raw, PERSON_NAME_LENGTH)
}

/// Validates an organization's name. Its slug must not be empty.
pub fn organization_name(raw: &str) -> Result<String, String> {
    let name = required_text(raw, ORGANIZATION_NAME_LENGTH)?;
    if crate::slug(&name).is_empty() {
        return Err("must contain a letter or a digit".into());
    }
    Ok(name)
}

/// Validates an e-mail address. The domain must contain a dot; display names and address literals are not allowed.
pub fn email(raw: &str) -> Result<String, String> {
    let email = login_email(raw)?;
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(&email, options)
        .map_err(|_| "must be a valid e-mail address".to_owned())?;
    Ok(email)
}

/// Validates the e-mail address of a login. Only presence and length are checked.
pub fn login_email(raw: &str) -> Result<String, String> {
    optional_text(raw, EMAIL_MAX_LENGTH)?.ok_or_else(|| REQUIRED.to_owned())
}

/// Validates a new password: 8 to 100 characters with an upper-case letter, a lower-case letter, and a digit or
/// symbol.
pub fn new_password(raw: &str) -> Result<(), String> {
    login_password(raw)?;
    let has = |test: fn(char) -> bool| raw.chars().any(test);
    if has(char::is_uppercase) && has(char::is_lowercase) && has(is_digit_or_symbol) {
        return Ok(());
    }
    Err("must contain an upper-case letter, a lower-case letter and a digit or symbol".into())
}

/// Validates the password of a login. Only presence and length are checked.
pub fn login_password(raw: &str) -> Result<(), String> {
    if raw.is_empty() {
        return Err(REQUIRED.into());
    }
    check_length(raw.chars().count(), PASSWORD_LENGTH)
}

/// Validates a search text; `None` when blank.
pub fn search(raw: &str) -> Result<Option<String>, String> {
    optional_text(raw, SEARCH_MAX_LENGTH)
}

/// Parses an RFC 3339 timestamp between the years 1 and 9999. Digits beyond milliseconds are dropped.
pub fn timestamp(raw: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(raw)
        .map_err(|_| "must be an RFC 3339 timestamp, for example 2026-06-15T09:00:00Z".to_owned())?;
    instant(parsed.timestamp_millis())
}

/// Converts milliseconds since the Unix epoch into an instant between the years 1 and 9999.
pub fn instant(epoch_millis: i64) -> Result<DateTime<Utc>, String> {
    DateTime::from_timestamp_millis(epoch_millis)
        .filter(|instant| (1..=9999).contains(&instant.year()))
        .ok_or_else(|| "must be between the years 1 and 9999".to_owned())
}

/// Checks that an event ends after it starts. The caller reports the violation for the field `endDate`.
pub fn check_date_order(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<(), String> {
    if end > start { Ok(()) } else { Err("must be after startDate".into()) }
}

fn required_text(raw: &str, length: RangeInclusive<usize>) -> Result<String, String> {
    let text = reject_nul(raw.trim())?;
    if text.is_empty() {
        return Err(REQUIRED.into());
    }
    check_length(text.chars().count(), length)?;
    Ok(text.to_owned())
}

fn optional_text(raw: &str, max: usize) -> Result<Option<String>, String> {
    let text = reject_nul(raw.trim())?;
    check_length(text.chars().count(), 0..=max)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// PostgreSQL's type `text` can store every character except NUL.
fn reject_nul(text: &str) -> Result<&str, String> {
    if text.contains('\0') { Err("must not contain the NUL character".into()) } else { Ok(text) }
}

fn check_length(length: usize, allowed: RangeInclusive<usize>) -> Result<(), String> {
    if allowed.contains(&length) {
        return Ok(());
    }
    Err(match (allowed.start(), allowed.end()) {
        (0, max) => format!("must be at most {max} characters long"),
        (min, max) => format!("must be {min} to {max} characters long"),
    })
}

fn is_digit_or_symbol(character: char) -> bool {
    character.is_numeric()
        || !(character.is_alphabetic() || character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_count_characters_after_trimming() {
        assert_eq!(title("  äöü  "), Ok("äöü".into()));
        assert_eq!(title("äö"), Err("must be 3 to 200 characters long".into()));
        assert!(title(&"ß".repeat(200)).is_ok());
        assert!(title(&"ß".repeat(201)).is_err());
        assert_eq!(title(" \t "), Err("is required".into()));
    }

    #[test]
    fn a_blank_optional_text_is_none() {
        assert_eq!(location("   "), Ok(None));
        assert_eq!(search(""), Ok(None));
        assert_eq!(location(&"x".repeat(301)), Err("must be at most 300 characters long".into()));
    }

    #[test]
    fn the_nul_character_is_rejected() {
        assert_eq!(title("ab\0cd"), Err("must not contain the NUL character".into()));
        assert!(search("\0").is_err());
    }

    #[test]
    fn passwords_need_three_kinds_of_characters_and_are_not_trimmed() {
        for (password, is_valid) in [
            ("Password123!", true),
            ("Passwordword", false),
            ("password1234", false),
            ("PASSWORD1234", false),
            ("Passwor!", true),
            ("Passw0r", false),
            ("Pass word ", false),
            (" Passw0rd ", true),
        ] {
            assert_eq!(new_password(password).is_ok(), is_valid, "{password:?}");
        }
        assert!(new_password(&format!("Aa1{}", "x".repeat(97))).is_ok());
        assert!(new_password(&format!("Aa1{}", "x".repeat(98))).is_err());
    }

    #[test]
    fn an_email_address_is_a_mailbox_at_a_domain() {
        for (address, is_valid) in [
            ("admin@acme.com", true),
            (" Admin@Acme.COM ", true),
            ("a.b+c@sub.example.org", true),
            ("plain", false),
            ("a@b", false),
            ("a@@b.com", false),
            ("Admin <admin@acme.com>", false),
            ("a@[127.0.0.1]", false),
            ("a b@c.de", false),
        ] {
            assert_eq!(email(address).is_ok(), is_valid, "{address:?}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn an_organization_name_contains_a_letter_or_digit() {
        assert!(organization_name("A1").is_ok());
        assert_eq!(organization_name("!?"), Err("must contain a letter or a digit".into()));
    }

    #[test]
    fn timestamps_are_rfc_3339_to_the_millisecond() {
        let parsed = timestamp("2026-06-15T11:00:00.123999+02:00").expect("a timestamp");
        assert_eq!(parsed.to_rfc3339(), "2026-06-15T09:00:00.123+00:00");
        for bad in ["2026-06-15", "tomorrow", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", ""] {
            assert!(timestamp(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_valid_text_is_valid_again_and_unchanged(raw in "\\PC{0,220}") {
            if let Ok(once) = title(&raw) {
                prop_assert_eq!(title(&once), Ok(once.clone()));
                prop_assert!(TITLE_LENGTH.contains(&once.chars().count()));
            }
        }

        #[test]
        fn no_input_causes_a_panic(raw in any::<String>()) {
            let _ = (email(&raw), new_password(&raw), timestamp(&raw), organization_name(&raw), search(&raw));
        }

        #[test]
        fn every_instant_in_range_round_trips(millis in -62_135_596_800_000i64..=253_402_300_799_999) {
            let instant = instant(millis).expect("in range");
            prop_assert_eq!(timestamp(&instant.to_rfc3339()), Ok(instant));
        }
    }
}
