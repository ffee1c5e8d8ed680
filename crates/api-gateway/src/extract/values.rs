//! The values that requests are made of, each with its rule and its schema.

use chrono::{DateTime, Utc};
use eventboard_domain::rules;
use utoipa::openapi::KnownFormat;

use super::{field::fields, input::uuid};
use crate::openapi::schemas::{formatted, optional_text, text};

fields! {
    /// An event's title.
    Title(String) = rules::title, text(rules::TITLE);
    /// An event's description.
    Description(String) = rules::description, text(rules::DESCRIPTION);
    /// Where an event takes place; `None` when blank.
    Location(Option<String>) = rules::location, optional_text(*rules::LOCATION.end());
    /// Why an event is rejected.
    Reason(String) = rules::reason, text(rules::REASON);
    /// A point in time.
    Instant(DateTime<Utc>) = rules::timestamp, formatted(KnownFormat::DateTime);
    /// A person's first or last name.
    PersonName(String) = rules::person_name, text(rules::PERSON_NAME);
    /// An organization's name.
    OrganizationName(String) = rules::organization_name, text(rules::ORGANIZATION_NAME);
    /// The e-mail address of a new user.
    EmailAddress(String) = rules::email, formatted(KnownFormat::Email).max_length(Some(rules::EMAIL_MAX));
    /// An e-mail address at login.
    LoginEmail(String) = rules::login_email, text(1..=rules::EMAIL_MAX);
    /// A password that is set.
    NewPassword(String) = unchanged(rules::new_password), password();
    /// A password at login.
    LoginPassword(String) = unchanged(rules::login_password), password();
    /// An id in a body.
    Id(String) = uuid, formatted(KnownFormat::Uuid);
    /// A text to search for; `None` when blank.
    Search(Option<String>) = rules::search, optional_text(rules::SEARCH_MAX);
}

/// A rule for a text that is taken as it is.
fn unchanged(rule: fn(&str) -> Result<(), String>) -> impl Fn(&str) -> Result<String, String> {
    move |text| rule(text).map(|()| text.to_owned())
}

fn password() -> utoipa::openapi::ObjectBuilder {
    formatted(KnownFormat::Password)
        .min_length(Some(*rules::PASSWORD.start()))
        .max_length(Some(*rules::PASSWORD.end()))
}
