//! The members of the API's JSON objects.

use serde_json::Value;
use uuid::Uuid;

pub(crate) const EVENT: [&str; 13] = [
    "createdAt",
    "createdById",
    "description",
    "endDate",
    "id",
    "location",
    "organizationId",
    "rejectionReason",
    "startDate",
    "status",
    "submittedAt",
    "title",
    "updatedAt",
];
pub(crate) const USER: [&str; 11] = [
    "createdAt",
    "email",
    "emailVerifiedAt",
    "firstName",
    "id",
    "language",
    "lastName",
    "organizationId",
    "pendingEmail",
    "role",
    "timeZone",
];
pub(crate) const META: [&str; 8] =
    ["hasNext", "hasPrevious", "limit", "nextCursor", "page", "total", "totalIsExact", "totalPages"];

/// The names of an object's members, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Asserts an RFC 3339 timestamp in UTC with milliseconds, such as `2026-06-15T09:00:00.000Z`.
pub(crate) fn assert_timestamp(value: &Value) {
    let text = value.as_str().expect("a timestamp");
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

/// Asserts a UUID of version 7 in lower case with hyphens.
pub(crate) fn assert_uuid_v7(value: &Value) {
    let text = value.as_str().expect("a UUID");
    let uuid: Uuid = text.parse().unwrap();
    assert_eq!((uuid.get_version_num(), uuid.to_string().as_str()), (7, text));
}
