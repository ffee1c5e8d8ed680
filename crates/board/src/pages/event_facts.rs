//! When an event is, where, and who has posted it, as pages tell it.

use crate::{dates::Clock, event::Event};

/// A time as text, and for the attribute `datetime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) iso: String,
    pub(crate) text: String,
}

/// What `event_facts.html` shows.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// `None` while it is not known.
    pub(crate) when: Option<Moment>,
    pub(crate) location: Option<String>,
    /// The name of the owner. `None` where it is not told.
    pub(crate) owner: Option<String>,
}

impl Facts {
    /// The facts of an event.
    pub(crate) fn of(clock: &Clock, event: &Event, owner: Option<String>) -> Self {
        let when = Moment { iso: clock.iso(event.start), text: clock.when(event) };
        Self { when: Some(when), location: event.location.clone(), owner }
    }
}
