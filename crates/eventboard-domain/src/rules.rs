//! Validation rules. Each kind of input has one function, which validates the input and returns the value to store.
//!
//! Text is trimmed before its length is checked. Text that shows nothing is blank, and counts as missing. Lengths are in
//! characters, not bytes; invisible characters do not count for a minimum. A message is phrased to follow the name of the
//! field: `is required`.
//!
//! A line (a title, a location, a name, an e-mail address) contains no control character and no bidirectional control. A
//! text (a description, a reason) may contain tabs, line breaks and bidirectional controls, but these never act beyond
//! their paragraph. The rules apply to input only: what earlier versions stored can still be read and changed.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use email_address::{EmailAddress, Options};
use icu_locale_core::LanguageIdentifier;
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::{
    characters::{breaks_line, is_bidi_control, shows_nothing},
    mail_domain::is_mail_domain,
    password::prepare_password,
    text::{is_blank, isolate_directions, trim, visible_length},
};

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
/// The maximum length of the name of a time zone.
pub const TIME_ZONE_MAX_LENGTH: usize = 50;
/// The maximum length of a language tag.
pub const LANGUAGE_MAX_LENGTH: usize = 35;
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
    required_line(raw, TITLE_LENGTH)
}

/// Validates an event's description.
pub fn description(raw: &str) -> Result<String, String> {
    required_text(raw, DESCRIPTION_LENGTH)
}

/// Validates an event's location; `None` when blank.
pub fn location(raw: &str) -> Result<Option<String>, String> {
    optional(line(raw)?, *LOCATION_LENGTH.end())
}

/// Validates a rejection reason.
pub fn reason(raw: &str) -> Result<String, String> {
    required_text(raw, REASON_LENGTH)
}

/// Validates a person's first or last name.
pub fn person_name(raw: &str) -> Result<String, String> {
    required_line(raw, PERSON_NAME_LENGTH)
}

/// Validates an organization's name. Its slug must not be empty.
pub fn organization_name(raw: &str) -> Result<String, String> {
    let name = required_line(raw, ORGANIZATION_NAME_LENGTH)?;
    if crate::slug(&name).is_empty() {
        return Err("must contain a letter or a digit".into());
    }
    Ok(name)
}

/// PostgreSQL takes it for `i` in lower case, and our normal form does not. With it, somebody could take an address away that they have
/// no access to.
const AMBIGUOUS: char = 'İ';

/// Validates an e-mail address. The domain must contain a dot and be one that DNS can know; display names, IP addresses, numeric
/// top-level domains and invisible characters are not allowed. The result is in Unicode normalization form C (RFC 6532, section 3.1).
pub fn email(raw: &str) -> Result<String, String> {
    let email = ComposingNormalizerBorrowed::new_nfc().normalize(&login_email(raw)?).into_owned();
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let is_hidden = |c: char| c.is_control() || (c != ' ' && shows_nothing(c));
    check_count(email.chars().count(), 0..=EMAIL_MAX_LENGTH)?;
    let is_valid = !email.contains(|c| is_hidden(c) || c == AMBIGUOUS)
        && EmailAddress::parse_with_options(&email, options)
            .is_ok_and(|address| is_mail_domain(address.domain()));
    if is_valid { Ok(email) } else { Err("must be a valid e-mail address".into()) }
}

/// Validates the e-mail address of a login. Only presence and length are checked.
pub fn login_email(raw: &str) -> Result<String, String> {
    optional(present(raw)?, EMAIL_MAX_LENGTH)?.ok_or_else(|| REQUIRED.to_owned())
}

/// Validates a new password: 8 to 100 characters with an upper-case letter, a lower-case letter, and a digit or
/// symbol. The rules hold for its prepared form, which is returned.
pub fn new_password(raw: &str) -> Result<String, String> {
    check_raw_password(raw)?;
    let password = prepare_password(raw);
    check_count(password.chars().count(), PASSWORD_LENGTH)?;
    let has = |test: fn(char) -> bool| password.chars().any(test);
    if has(char::is_uppercase) && has(char::is_lowercase) && has(is_digit_or_symbol) {
        return Ok(password);
    }
    Err("must contain an upper-case letter, a lower-case letter and a digit or symbol".into())
}

/// Validates the password that replaces the current one, as [`new_password`] does. It must be another one.
pub fn changed_password(current: &str, raw: &str) -> Result<String, String> {
    let password = new_password(raw)?;
    if prepare_password(current) == password {
        return Err("must differ from the current password".into());
    }
    Ok(password)
}

/// Validates the password of a login, which is returned as it was typed. Only presence and length are checked: of the typed form
/// or of the prepared one, because earlier versions stored hashes of the former.
pub fn login_password(raw: &str) -> Result<String, String> {
    check_raw_password(raw)?;
    check_count(raw.chars().count(), PASSWORD_LENGTH)
        .or_else(|_| check_count(prepare_password(raw).chars().count(), PASSWORD_LENGTH))?;
    Ok(raw.to_owned())
}

/// Bounds the work for a long text. A character of a prepared password was typed as four at most.
fn check_raw_password(raw: &str) -> Result<(), String> {
    match raw.chars().take(4 * PASSWORD_LENGTH.end() + 1).count() {
        0 => Err(REQUIRED.into()),
        length if length > 4 * PASSWORD_LENGTH.end() => check_count(length, PASSWORD_LENGTH),
        _ => Ok(()),
    }
}

/// Validates a search text; `None` when blank. It is only compared with other texts, so it may contain what they can
/// contain.
pub fn search(raw: &str) -> Result<Option<String>, String> {
    optional(text(raw)?, SEARCH_MAX_LENGTH)
}

/// Validates the name of a time zone, which must be one of the IANA database.
pub fn time_zone(raw: &str) -> Result<String, String> {
    let name = optional(line(raw)?, TIME_ZONE_MAX_LENGTH)?.ok_or(REQUIRED)?;
    match name.parse::<chrono_tz::Tz>() {
        Ok(zone) => Ok(zone.name().to_owned()),
        Err(_) => Err("must be a time zone of the IANA database, for example Europe/Berlin".into()),
    }
}

/// Validates a language tag (BCP 47: a language with an optional script, region and variants), and returns it in its usual
/// letter case.
pub fn language(raw: &str) -> Result<String, String> {
    let tag = optional(line(raw)?, LANGUAGE_MAX_LENGTH)?.ok_or(REQUIRED)?;
    match LanguageIdentifier::try_from_str(&tag) {
        Ok(language) => Ok(language.to_string()),
        Err(_) => Err("must be a language tag, for example en or de-AT".into()),
    }
}

/// Parses an RFC 3339 timestamp between the years 1 and 9999. Digits beyond milliseconds are dropped.
pub fn timestamp(raw: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(raw)
        .map_err(|_| "must be an RFC 3339 timestamp, for example 2026-06-15T09:00:00Z".to_owned())?;
    instant(parsed.timestamp_millis())
}

/// Checks the number of rows that a client requests for a page.
///
/// # Errors
/// The message for the client.
pub fn page_limit(limit: u32) -> Result<u32, String> {
    let (min, max) = (PAGE_LIMIT.start(), PAGE_LIMIT.end());
    if PAGE_LIMIT.contains(&limit) { Ok(limit) } else { Err(format!("must be from {min} to {max}")) }
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

fn required_line(raw: &str, length: RangeInclusive<usize>) -> Result<String, String> {
    check_length(line(raw)?.ok_or(REQUIRED)?, length)
}

/// Checks the length twice: first because the work for a long text would not be bounded, then because isolated
/// directions may need more characters.
fn required_text(raw: &str, length: RangeInclusive<usize>) -> Result<String, String> {
    let text = check_length(text(raw)?.ok_or(REQUIRED)?, length.clone())?;
    check_length(&isolate_directions(&text), length)
}

fn optional(text: Option<&str>, max: usize) -> Result<Option<String>, String> {
    check_count(text.map_or(0, |text| text.chars().count()), 0..=max)?;
    Ok(text.map(str::to_owned))
}

/// Trims a text of one line; `None` when blank.
fn line(raw: &str) -> Result<Option<&str>, String> {
    let line = present(raw)?;
    let has = |test: fn(char) -> bool| line.is_some_and(|line| line.contains(test));
    if has(|c| c.is_control() || breaks_line(c)) {
        return Err("must not contain line breaks or other control characters".into());
    }
    if has(is_bidi_control) {
        return Err("must not contain characters that change the direction of text".into());
    }
    Ok(line)
}

/// Trims a text that may have several lines; `None` when blank.
fn text(raw: &str) -> Result<Option<&str>, String> {
    let text = present(raw)?;
    let is_forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.is_some_and(|text| text.contains(is_forbidden)) {
        return Err("must not contain control characters other than tabs and line breaks".into());
    }
    Ok(text)
}

/// Trims any text; `None` when blank.
fn present(raw: &str) -> Result<Option<&str>, String> {
    // PostgreSQL's type `text` can store every character except NUL.
    if raw.contains('\0') {
        return Err("must not contain the NUL character".into());
    }
    Ok(Some(trim(raw)).filter(|text| !is_blank(text)))
}

fn check_length(text: &str, allowed: RangeInclusive<usize>) -> Result<String, String> {
    let min = *allowed.start();
    check_count(text.chars().count(), allowed)?;
    if visible_length(text) < min {
        return Err(format!("must contain at least {min} visible characters"));
    }
    Ok(text.to_owned())
}

fn check_count(length: usize, allowed: RangeInclusive<usize>) -> Result<(), String> {
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
    fn a_time_zone_is_one_of_the_iana_database() {
        for zone in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert_eq!(time_zone(&format!(" {zone} ")), Ok(zone.to_owned()));
        }
        let unknown = Err("must be a time zone of the IANA database, for example Europe/Berlin".to_owned());
        for zone in ["Europe/Bonn", "europe/berlin", "+02:00", "CEST'; --", "../etc/passwd"] {
            assert_eq!(time_zone(zone), unknown, "{zone}");
        }
        assert_eq!(time_zone(" "), Err("is required".into()));
    }

    #[test]
    fn every_time_zone_is_short_enough() {
        assert!(chrono_tz::TZ_VARIANTS.iter().all(|zone| time_zone(zone.name()).is_ok()));
    }

    #[test]
    fn a_language_tag_gets_its_usual_letter_case() {
        for (tag, stored) in [("en", "en"), (" DE-at ", "de-AT"), ("zh-hant-tw", "zh-Hant-TW")] {
            assert_eq!(language(tag), Ok(stored.to_owned()));
        }
        let unknown = Err("must be a language tag, for example en or de-AT".to_owned());
        for tag in ["english please", "e", "en_", "de-AT-", "12"] {
            assert_eq!(language(tag), unknown, "{tag}");
        }
    }

    #[test]
    fn the_nul_character_is_rejected() {
        assert_eq!(title("ab\0cd"), Err("must not contain the NUL character".into()));
        assert!(search("\0").is_err());
    }

    #[test]
    fn a_text_that_shows_nothing_is_blank() {
        for blank in [
            "\u{200b}\u{200b}\u{200b}",
            "\u{3164}\u{2800} \u{ffa0}",
            "\u{301}\u{302}\u{303}",
            " \u{202e}\n\u{feff}",
        ] {
            for rule in [title, description, reason, person_name, organization_name, email, login_email] {
                assert_eq!(rule(blank), Err("is required".into()), "{blank:?}");
            }
            assert_eq!((location(blank), search(blank)), (Ok(None), Ok(None)), "{blank:?}");
        }
    }

    #[test]
    fn invisible_characters_do_not_count_for_a_minimum() {
        let too_short = Err("must contain at least 3 visible characters".to_owned());
        assert_eq!(title("a\u{200b}\u{200b}b"), too_short);
        assert_eq!(title("❤\u{fe0f}❤\u{fe0f}"), too_short);
        assert_eq!(title(" \u{200c}a\u{200b} "), Err("must be 3 to 200 characters long".into()));
        assert!(description(&format!("ten {}chars", "\u{2060}".repeat(10))).is_err());
        for valid in ["a b", "می\u{200c}خواهم", "👩\u{200d}👩\u{200d}👧", "e\u{301}e\u{301}"] {
            assert_eq!(title(valid), Ok(valid.to_owned()));
        }
    }

    #[test]
    fn a_line_contains_no_control_characters() {
        let refused = Err("must not contain line breaks or other control characters".to_owned());
        let controls = ('\u{1}'..='\u{9f}').filter(|c| c.is_control()).chain(['\u{2028}', '\u{2029}']);
        for control in controls {
            let text = format!("Acme{control}Corporation");
            for rule in [title, person_name, organization_name] {
                assert_eq!(rule(&text), refused, "{control:?}");
            }
            assert_eq!(location(&text), refused.clone().map(Some), "{control:?}");
            assert!(email(&format!("a{control}b@example.org")).is_err(), "{control:?}");
        }
        assert_eq!(title("\u{1b}[31mRed"), refused);
        assert_eq!(title(" \t A title\r\n"), Ok("A title".into()));
    }

    #[test]
    fn a_text_contains_no_control_characters_except_tabs_and_line_breaks() {
        let text = "First line\r\n\tsecond\nthird\u{2028}fourth";
        for rule in [description, reason] {
            assert_eq!(rule(text), Ok(text.to_owned()));
            for control in ['\u{1}', '\u{8}', '\u{b}', '\u{c}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
                let refused = "must not contain control characters other than tabs and line breaks";
                assert_eq!(rule(&format!("some{control}other words")), Err(refused.into()), "{control:?}");
            }
        }
        assert_eq!(search("two\nlines"), Ok(Some("two\nlines".into())));
        assert!(search("a\u{7}").is_err());
    }

    #[test]
    fn bidirectional_controls_are_refused_in_lines_and_isolated_in_texts() {
        let controls = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        for control in controls.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            for text in
                [format!("Acme{control}Corp"), format!("{control}Acme Corp"), format!("Acme Corp{control}")]
            {
                let refused = Err("must not contain characters that change the direction of text".to_owned());
                for rule in [title, person_name, organization_name] {
                    assert_eq!(rule(&text), refused, "{control:?}");
                }
                assert_eq!(location(&text), refused.map(Some), "{control:?}");
                assert!(email(&format!("a{control}@example.org")).is_err(), "{control:?}");
                assert_eq!(search(&text), Ok(Some(text.clone())), "{control:?}");
            }
        }
        for rule in [description, reason] {
            assert_eq!(rule("\u{202e}a description"), Ok("\u{202e}a description\u{202c}".into()));
        }
    }

    #[test]
    fn isolated_directions_count_for_the_maximum() {
        let text = format!("\u{202e}{}", "x".repeat(4999));
        assert_eq!(description(&text), Err("must be 10 to 5000 characters long".into()));
        assert!(description(&text[..text.len() - 1]).is_ok());
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
        for rule in [new_password, login_password] {
            assert_eq!(rule(""), Err("is required".into()));
            assert_eq!(rule(&"x".repeat(1_000_000)), Err("must be 8 to 100 characters long".into()));
        }
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
            ("\u{feff}a@c.de\u{200b}", true),
            ("a\u{200b}b@c.de", false),
            ("ab\u{200d}@c.de", false),
            ("ab@c.de\u{200d}", false),
            ("ab@c\u{ad}d.de", false),
            ("\u{2800}ab@c.de\u{fe0f}", false),
            ("a@127.0.0.1", false),
            ("a@b.123", false),
            ("a@b.１２３", false),
            ("a@b.0x7f", false),
            ("İvan@example.org", false),
            ("I\u{307}van@example.org", false),
            ("a@b.123.", false),
            ("a@xn--a.de", false),
            ("a@b%41.de", false),
            ("größe@xn--bcher-kva.example", true),
            ("1@1.de", true),
            ("a@xn--zzzzzz--.de", false),
            ("größe@bücher.example", true),
        ] {
            assert_eq!(email(address).is_ok(), is_valid, "{address:?}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(250))).is_err());
        let longer_in_form_c = format!("{}@{}", "\u{958}".repeat(10), ["a".repeat(60).as_str(); 4].join("."));
        assert!(longer_in_form_c.chars().count() <= EMAIL_MAX_LENGTH && email(&longer_in_form_c).is_err());
        assert_eq!(email("gro\u{308}ße@bu\u{308}cher.example"), Ok("größe@bücher.example".into()));
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

    #[test]
    fn a_changed_password_is_another_one() {
        let differ = Err("must differ from the current password".to_owned());
        assert_eq!(changed_password("Größe 123", "Größe 123"), differ);
        assert_eq!(changed_password("Gro\u{308}ße\u{a0}123", "Größe 123"), differ);
        assert_eq!(changed_password("", "Größe 123"), Ok("Größe 123".to_owned()));
        assert_eq!(changed_password("größe 123", "Größe 123"), Ok("Größe 123".to_owned()));
        assert!(changed_password("weak", "weak").is_err());
    }

    #[test]
    fn the_length_of_a_password_is_that_of_its_prepared_form() {
        let decomposed = format!("A1{}", "o\u{302}\u{301}".repeat(98));
        assert_eq!(new_password(&decomposed), Ok(format!("A1{}", "ố".repeat(98))));
        assert_eq!(login_password(&decomposed), Ok(decomposed));
        let short = format!("A1{}", "o\u{302}\u{301}".repeat(5));
        assert!(new_password(&short).is_err());
        assert_eq!(login_password(&short), Ok(short), "an earlier version accepted it");
    }

    proptest! {
        #[test]
        fn a_valid_text_is_valid_again_and_unchanged(raw in prop_oneof!["\\PC{0,220}", any::<String>()]) {
            for (rule, length) in [(title as fn(&str) -> _, TITLE_LENGTH), (reason, REASON_LENGTH)] {
                if let Ok(once) = rule(&raw) {
                    prop_assert_eq!(rule(&once), Ok(once.clone()));
                    prop_assert!(length.contains(&once.chars().count()));
                }
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
