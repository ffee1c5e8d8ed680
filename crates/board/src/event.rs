//! An event as pages show it.

use chrono::{DateTime, Utc};
use eventboard_chassis::error::ServiceError;
use eventboard_client::Backend;
use eventboard_domain::EventStatus;
use eventboard_proto::events as proto;

use crate::{dates, description, description::Paragraph, texts::CommonTexts, viewer::Viewer};

/// An event as pages show it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) status: EventStatus,
    pub(crate) rejection_reason: Option<String>,
    pub(crate) owner_id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    /// When its owner last submitted it.
    pub(crate) submitted_at: Option<DateTime<Utc>>,
    pub(crate) version: i64,
}

/// The name of a status in addresses and classes of pages.
pub(crate) const fn status_name(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Draft => "draft",
        EventStatus::Submitted => "in-review",
        EventStatus::Approved => "published",
        EventStatus::Rejected => "sent-back",
    }
}

/// A status as pages show it: an icon, a word and a tint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatusMark {
    /// The name in addresses and classes.
    pub(crate) name: &'static str,
    /// The name of the icon.
    pub(crate) icon: &'static str,
    pub(crate) label: &'static str,
}

impl StatusMark {
    /// The mark of a status.
    pub(crate) fn of(texts: &CommonTexts, status: EventStatus) -> Self {
        let icon = match status {
            EventStatus::Draft => "pencil",
            EventStatus::Submitted => "hourglass",
            EventStatus::Approved => "circle-check",
            EventStatus::Rejected => "undo-2",
        };
        Self { name: status_name(status), icon, label: texts.status(status) }
    }
}

impl Event {
    /// The path of its page.
    pub(crate) fn path(&self) -> String {
        format!("/board/events/{}", self.id)
    }

    /// Whether it is the viewer's.
    pub(crate) fn is_owned_by(&self, viewer: &Viewer) -> bool {
        self.owner_id == viewer.id.to_string()
    }

    /// The description as paragraphs.
    pub(crate) fn paragraphs(&self) -> Vec<Paragraph> {
        description::paragraphs(&self.description)
    }
}

impl TryFrom<proto::Event> for Event {
    type Error = ServiceError;

    fn try_from(event: proto::Event) -> Result<Self, ServiceError> {
        let status = EventStatus::try_from(event.status());
        let proto::Event {
            id,
            title,
            description,
            location,
            start_date,
            end_date,
            status: _,
            rejection_reason,
            organization_id: _,
            created_by_id: owner_id,
            created_at,
            updated_at,
            version,
            submitted_at,
        } = event;
        let required = |timestamp, field| dates::required(timestamp, Backend::Events, field);
        Ok(Self {
            id,
            title,
            description,
            location,
            start: required(start_date, "start_date")?,
            end: required(end_date, "end_date")?,
            status: status.map_err(|_| Backend::Events.invalid_reply("status"))?,
            rejection_reason,
            owner_id,
            created_at: required(created_at, "created_at")?,
            updated_at: required(updated_at, "updated_at")?,
            submitted_at: dates::optional(submitted_at),
            version,
        })
    }
}
