//! What a write asks for, and the fingerprint by which a repetition is recognised.

use chrono::{DateTime, Utc};
use eventboard_domain::{Faults, rules};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::{Event, IfMatch, Operation};

/// A write with checked input.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Create(Draft),
    Change { id: Uuid, if_match: Option<IfMatch>, change: Change },
}

/// What is done to an event that exists.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Update(Patch),
    Delete,
    Submit,
    Approve,
    Reject { reason: String },
}

/// The content of a new event.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub title: String,
    pub description: String,
    pub location: Option<String>,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    pub title: Option<String>,
    pub description: Option<String>,
    /// `Some(None)` clears it.
    pub location: Option<Option<String>>,
    pub start_date: Option<DateTime<Utc>>,
    pub end_date: Option<DateTime<Utc>>,
}

impl Change {
    /// What the rules are asked about.
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Update(_) => Operation::Update,
            Self::Delete => Operation::Delete,
            Self::Submit => Operation::Submit,
            Self::Approve => Operation::Approve,
            Self::Reject { .. } => Operation::Reject,
        }
    }
}

impl Patch {
    /// The event with the changes, version and time of change untouched.
    ///
    /// # Errors
    /// When it would end before it starts, which only the merged event shows.
    pub(crate) fn apply(self, event: Event) -> Result<Event, Faults> {
        let merged = Event {
            title: self.title.unwrap_or(event.title),
            description: self.description.unwrap_or(event.description),
            location: self.location.unwrap_or(event.location),
            start_date: self.start_date.unwrap_or(event.start_date),
            end_date: self.end_date.unwrap_or(event.end_date),
            ..event
        };
        rules::chronological(merged.start_date, merged.end_date)
            .map_err(|message| Faults::one("endDate", message))?;
        Ok(merged)
    }
}

impl Command {
    /// The name of the gRPC method, part of the scope of an idempotency key.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Create(_) => "Create",
            Self::Change { change, .. } => match change {
                Change::Update(_) => "Update",
                Change::Delete => "Delete",
                Change::Submit => "Submit",
                Change::Approve => "Approve",
                Change::Reject { .. } => "Reject",
            },
        }
    }

    /// SHA-256 of what the command asks for: event, normalized body and `If-Match`. Stable across
    /// releases, because stored keys outlive them.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut print = Fingerprint::default();
        print.text("method", Some(self.method()));
        match self {
            Self::Create(draft) => draft.print(&mut print),
            Self::Change { id, if_match, change } => {
                print.text("id", Some(&id.to_string()));
                print.text("ifMatch", if_match.as_ref().map(describe).as_deref());
                match change {
                    Change::Update(patch) => patch.print(&mut print),
                    Change::Reject { reason } => print.text("reason", Some(reason)),
                    Change::Delete | Change::Submit | Change::Approve => {}
                }
            }
        }
        print.0.finalize().into()
    }
}

impl Draft {
    fn print(&self, print: &mut Fingerprint) {
        print.text("title", Some(&self.title));
        print.text("description", Some(&self.description));
        print.text("location", self.location.as_deref());
        print.instant("startDate", Some(self.start_date));
        print.instant("endDate", Some(self.end_date));
    }
}

impl Patch {
    fn print(&self, print: &mut Fingerprint) {
        print.text("title", self.title.as_deref());
        print.text("description", self.description.as_deref());
        print.text("location given", self.location.as_ref().map(|_| ""));
        print.text("location", self.location.as_ref().and_then(Option::as_deref));
        print.instant("startDate", self.start_date);
        print.instant("endDate", self.end_date);
    }
}

fn describe(if_match: &IfMatch) -> String {
    match if_match {
        IfMatch::Any => "*".into(),
        IfMatch::Versions(versions) => format!("{versions:?}"),
    }
}

/// Hashes names and values with their lengths, so that no two inputs run into one.
#[derive(Default)]
struct Fingerprint(Sha256);

impl Fingerprint {
    fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        for part in [name, value] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    fn instant(&mut self, name: &str, value: Option<DateTime<Utc>>) {
        self.text(name, value.map(|instant| instant.timestamp_millis().to_string()).as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(change: Change) -> Command {
        Command::Change { id: Uuid::from_u128(1), if_match: None, change }
    }

    #[test]
    fn different_requests_have_different_fingerprints() {
        let patch = |patch: Patch| change(Change::Update(patch));
        let commands = [
            change(Change::Submit),
            change(Change::Approve),
            change(Change::Delete),
            change(Change::Reject { reason: "one good reason".into() }),
            change(Change::Reject { reason: "another good reason".into() }),
            Command::Change { id: Uuid::from_u128(2), if_match: None, change: Change::Submit },
            Command::Change { id: Uuid::from_u128(1), if_match: Some(IfMatch::Any), change: Change::Submit },
            Command::Change {
                id: Uuid::from_u128(1),
                if_match: Some(IfMatch::Versions(vec![1])),
                change: Change::Submit,
            },
            patch(Patch::default()),
            patch(Patch { location: Some(None), ..Patch::default() }),
            patch(Patch { location: Some(Some("Here".into())), ..Patch::default() }),
            patch(Patch { title: Some("Here".into()), ..Patch::default() }),
            patch(Patch { description: Some("Here".into()), ..Patch::default() }),
        ];
        let prints: std::collections::HashSet<_> = commands.iter().map(Command::fingerprint).collect();
        assert_eq!(prints.len(), commands.len());
    }

    #[test]
    fn a_fingerprint_does_not_change_between_releases() {
        let print = change(Change::Reject { reason: "not this year".into() }).fingerprint();
        let hex: String = print.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "8ddab62969ba5e7318ad298b494f7a4e6950e81bd15b460e20e49d07986e73a4");
    }
}
