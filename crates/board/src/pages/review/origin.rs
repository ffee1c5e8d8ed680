//! From where a moderator decides, and where the way leads afterwards.

use uuid::Uuid;

use super::PATH;
use crate::{form::Form, query::with_query};

/// The value of `from` for the queue.
const QUEUE: &str = "review";

/// From where a moderator decides: in the queue, or on the page of the event. Forms and links carry it along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    from: Option<String>,
    /// The event of the queue that comes next.
    next: Option<String>,
    /// The cursor of the list.
    cursor: Option<String>,
}

impl Origin {
    /// The queue.
    pub(crate) fn queue(next: Option<String>, cursor: Option<String>) -> Self {
        Self { from: Some(QUEUE.to_owned()), next, cursor }
    }

    /// What a form or a query carries.
    pub(crate) fn of_form(form: &Form) -> Self {
        let field = |name| form.optional_text(name);
        Self { from: field("from"), next: field("next"), cursor: field("cursor") }
    }

    pub(crate) fn is_queue(&self) -> bool {
        self.from.as_deref() == Some(QUEUE)
    }

    /// The hidden fields of a form.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &str)> {
        let Self { from, next, cursor } = self;
        let fields = [("from", from), ("next", next), ("cursor", cursor)];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }

    /// The query of a link.
    pub(crate) fn query(&self) -> String {
        with_query("", self.fields())
    }

    /// The path from which the moderator has come to an event.
    pub(crate) fn back(&self, id: &str) -> String {
        if self.is_queue() {
            queue_path(Some(id), self.cursor.as_deref())
        } else {
            format!("/board/events/{id}")
        }
    }

    /// The path after a decision on an event.
    pub(crate) fn next(&self, id: &str) -> String {
        if self.is_queue() { self.next_in_queue() } else { format!("/board/events/{id}") }
    }

    /// The path of the next event in the queue.
    pub(crate) fn next_in_queue(&self) -> String {
        let next = self.next.as_deref().filter(|id| Uuid::try_parse(id).is_ok());
        queue_path(next, self.cursor.as_deref())
    }
}

/// The path of the queue with an event.
pub(super) fn queue_path(event: Option<&str>, cursor: Option<&str>) -> String {
    with_query(PATH, [("event", event.unwrap_or_default()), ("cursor", cursor.unwrap_or_default())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890000-0000-7000-8000-000000000001";

    #[test]
    fn a_decision_in_the_queue_leads_to_the_next_event() {
        let origin = Origin::queue(Some(ID.to_owned()), Some("c/d&e".to_owned()));
        assert_eq!(origin.next("x"), format!("/board/review?event={ID}&cursor=c%2Fd%26e"));
        assert_eq!(Origin::queue(None, None).next("x"), "/board/review");
    }

    #[test]
    fn a_decision_elsewhere_leads_to_the_event() {
        assert_eq!(Origin::default().next(ID), format!("/board/events/{ID}"));
        assert_eq!(Origin::default().query(), "");
    }

    #[test]
    fn the_fields_of_a_form_are_read_again() {
        let origin = Origin::queue(Some("no ID".to_owned()), None);
        let form = Form::filled(origin.fields().into_iter().map(|(name, value)| (name, value.to_owned())));
        assert_eq!(Origin::of_form(&form), origin);
        assert_eq!(origin.next(ID), "/board/review", "what is no ID is not followed");
    }
}
