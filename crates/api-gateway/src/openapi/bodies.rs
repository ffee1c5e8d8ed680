//! The bodies of requests.

use std::ops::RangeInclusive;

use eventboard_domain::rules;
use serde_json::{Value, json};
use utoipa::openapi::{
    Content, KnownFormat, ObjectBuilder, Ref, Required,
    request_body::{RequestBody, RequestBodyBuilder},
    schema::AdditionalProperties,
    schema::Object,
};

use super::words::{formatted, nullable, text};

/// A text that the gateway trims first: it may be blank where it may be absent.
const LOCATION: RangeInclusive<usize> = 0..=*rules::LOCATION.end();

/// Every body by name.
pub(super) fn all() -> [(&'static str, Object); 5] {
    [
        ("Signup", signup()),
        ("Login", login()),
        ("NewEvent", new_event()),
        ("EventPatch", event_patch()),
        ("Rejection", rejection()),
    ]
}

/// A request body of that name.
pub(super) fn of(name: &str) -> RequestBody {
    let content = Content::new(Some(Ref::from_schema_name(name)));
    RequestBodyBuilder::new()
        .description(Some("At most 64 KiB."))
        .content("application/json", content)
        .required(Some(Required::True))
        .build()
}

fn signup() -> Object {
    let email = formatted(KnownFormat::Email).max_length(Some(rules::EMAIL_MAX));
    let password = formatted(KnownFormat::Password)
        .min_length(Some(*rules::PASSWORD.start()))
        .max_length(Some(*rules::PASSWORD.end()))
        .description(Some(
            "With an upper-case letter, a lower-case letter and a digit or symbol. Not trimmed.",
        ));
    let name = || text(rules::PERSON_NAME);
    let organization_name = nullable(text(rules::ORGANIZATION_NAME))
        .description(Some("Founds an organization, with the caller as ADMIN. Instead of organizationId."));
    let organization_id = nullable(formatted(KnownFormat::Uuid))
        .description(Some("Joins an organization that is open, as USER. Instead of organizationName."));
    closed([
        ("email", email, true),
        ("password", password, true),
        ("firstName", name(), true),
        ("lastName", name(), true),
        ("organizationName", organization_name, false),
        ("organizationId", organization_id, false),
    ])
    .examples([json!({
        "email": "grace@example.org",
        "password": "Password123!",
        "firstName": "Grace",
        "lastName": "Hopper",
        "organizationName": "Compilers United",
    })])
    .build()
}

fn login() -> Object {
    let password = formatted(KnownFormat::Password)
        .min_length(Some(*rules::PASSWORD.start()))
        .max_length(Some(*rules::PASSWORD.end()));
    closed([("email", text(1..=rules::EMAIL_MAX), true), ("password", password, true)])
        .examples([json!({"email": "admin@acme.com", "password": "Password123!"})])
        .build()
}

fn new_event() -> Object {
    closed([
        ("title", text(rules::TITLE), true),
        ("description", text(rules::DESCRIPTION), true),
        ("location", nullable(text(LOCATION)), false),
        ("startDate", instant(), true),
        ("endDate", instant().description(Some("After startDate.")), true),
    ])
    .examples([event_example()])
    .build()
}

fn event_patch() -> Object {
    closed([
        ("title", text(rules::TITLE), false),
        ("description", text(rules::DESCRIPTION), false),
        ("location", nullable(text(LOCATION)).description(Some("Null clears it.")), false),
        ("startDate", instant(), false),
        ("endDate", instant().description(Some("After startDate.")), false),
    ])
    .examples([json!({"title": "Annual Tech Conference 2026, extended", "location": null})])
    .build()
}

fn rejection() -> Object {
    closed([("reason", text(rules::REASON), true)])
        .examples([json!({"reason": "The venue is not booked yet."})])
        .build()
}

fn event_example() -> Value {
    json!({
        "title": "Quarterly Review",
        "description": "What went well, and what did not.",
        "location": "Office",
        "startDate": "2026-09-01T09:00:00Z",
        "endDate": "2026-09-01T12:00:00Z",
    })
}

fn instant() -> ObjectBuilder {
    formatted(KnownFormat::DateTime)
}

/// An object with these fields and no other.
fn closed<const N: usize>(fields: [(&str, ObjectBuilder, bool); N]) -> ObjectBuilder {
    let object = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    fields.into_iter().fold(object, |object, (name, schema, is_required)| {
        let object = object.property(name, schema);
        if is_required { object.required(name) } else { object }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_rules() {
        let schemas: std::collections::HashMap<_, _> = all()
            .into_iter()
            .map(|(name, schema)| (name, serde_json::to_value(schema).expect("JSON")))
            .collect();
        for (schema, field, rule) in [
            ("Signup", "password", accepts(|text| rules::new_password(&format!("Aa1{text}")).is_ok(), 3)),
            ("Signup", "firstName", accepts(|text| rules::person_name(text).is_ok(), 0)),
            ("Signup", "organizationName", accepts(|text| rules::organization_name(text).is_ok(), 0)),
            ("Login", "password", accepts(|text| rules::login_password(text).is_ok(), 0)),
            ("Login", "email", accepts(|text| rules::login_email(text).is_ok(), 0)),
            ("NewEvent", "title", accepts(|text| rules::title(text).is_ok(), 0)),
            ("NewEvent", "description", accepts(|text| rules::description(text).is_ok(), 0)),
            ("NewEvent", "location", accepts(|text| rules::location(text).is_ok(), 0)),
            ("EventPatch", "title", accepts(|text| rules::title(text).is_ok(), 0)),
            ("EventPatch", "description", accepts(|text| rules::description(text).is_ok(), 0)),
            ("EventPatch", "location", accepts(|text| rules::location(text).is_ok(), 0)),
            ("Rejection", "reason", accepts(|text| rules::reason(text).is_ok(), 0)),
        ] {
            let property = &schemas[schema]["properties"][field];
            let declared = (property["minLength"].as_u64().unwrap_or(0), property["maxLength"].as_u64());
            assert_eq!(declared, (rule.0, Some(rule.1)), "{schema}.{field}");
        }
    }

    /// The shortest and the longest text that a rule accepts, found by trying; `more` characters are
    /// added by the rule itself.
    fn accepts(rule: impl Fn(&str) -> bool, more: u64) -> (u64, u64) {
        let accepted = (0..=6000u64).filter(|length| rule(&"x".repeat(*length as usize)));
        let lengths: Vec<_> = accepted.collect();
        let end = |length: Option<&u64>| length.expect("some length is accepted") + more;
        (end(lengths.first()), end(lengths.last()))
    }
}
