//! `/board/audit`: who did what in the organization.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use chrono::NaiveDate;
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{AuditAction, Violations};
use eventboard_proto::auth::{self as proto, ListAuditReply, ListAuditRequest};
use uuid::Uuid;

use super::{
    Admin,
    audit_entry::{AuditEntry, AuditRow},
    people::People,
};
use crate::{
    Board,
    calls::auth_reply,
    dates::{Clock, parse_date, timestamp},
    error::PageError,
    form::{Form, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, render, render_faults},
    query::with_query,
};

/// The path of the page.
const PATH: &str = "/board/audit";

/// How many entries a page shows. Each names up to three people, and a request for names takes a hundred IDs.
const LIMIT: u32 = 30;

/// The filters, by the names of their parameters.
const FILTERS: [&str; 4] = ["actor", "action", "from", "to"];

#[derive(Template)]
#[template(path = "pages/admin/audit.html")]
struct AuditPage {
    page: Page,
    filters: FormView,
    /// The name of the one whose actions are shown, if it is only one.
    actor: Option<String>,
    rows: Vec<AuditRow>,
    /// The path of the next page.
    more: Option<String>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(list))
}

async fn list(Admin(visit): Admin, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let message = match request(&visit.page.clock, &query) {
        Ok(message) => message,
        Err(violations) => {
            let filters = date_faults(&visit.page, &query, &violations);
            return render_faults(&AuditPage::new(visit.page, filters));
        }
    };
    let reply = visit.board.clients().auth().list_audit(visit.calls.request(message)).await;
    match auth_reply(reply) {
        Ok(reply) => render(&AuditPage::load(visit, query, reply).await?),
        // The list has no such page.
        Err(error) if error.code() == ErrorCode::InvalidInput && query.has("cursor") => {
            Ok(redirect(&path(&query, "")))
        }
        Err(error) if error.code() == ErrorCode::InvalidInput => {
            let filters = date_faults(&visit.page, &query, error.violations());
            render_faults(&AuditPage::new(visit.page, filters))
        }
        Err(error) => Err(error.into()),
    }
}

/// The filters with what to type instead.
fn date_faults(page: &Page, query: &Form, violations: &Violations) -> FormView {
    FormView::with_violations(query, violations, |_, _| page.texts.admin.audit.date_fault.to_owned())
}

/// Values that are none of a filter select nothing.
///
/// # Errors
/// When what was typed is no date.
fn request(clock: &Clock, query: &Form) -> Result<ListAuditRequest, Violations> {
    let action: Option<AuditAction> = query.value("action").parse().ok();
    let mut violations = Violations::default();
    let from = violations.check("from", date(query, "from"));
    let to = violations.check("to", date(query, "to"));
    let (Some(from), Some(to)) = (from, to) else { return Err(violations) };
    Ok(ListAuditRequest {
        limit: LIMIT,
        cursor: query.text("cursor"),
        actor_id: actor(query).map(|id| id.to_string()).unwrap_or_default(),
        action: action.map(proto::AuditAction::from).unwrap_or_default().into(),
        from: from.map(|date| timestamp(clock.start_of_day(date))),
        to: to.map(|date| timestamp(clock.end_of_day(date))),
    })
}

fn actor(query: &Form) -> Option<Uuid> {
    query.value("actor").parse().ok()
}

/// The date that was typed. `None` if nothing was.
fn date(query: &Form, field: &str) -> Result<Option<NaiveDate>, String> {
    match query.value(field).trim() {
        "" => Ok(None),
        // Years of four digits, so that the service knows the time.
        text => {
            let date = parse_date(text).filter(|_| text.len() == 10);
            date.map(Some).ok_or_else(String::new)
        }
    }
}

fn path(query: &Form, cursor: &str) -> String {
    with_query(PATH, FILTERS.map(|name| (name, query.value(name))).into_iter().chain([("cursor", cursor)]))
}

impl AuditPage {
    /// A page without entries.
    fn new(page: Page, filters: FormView) -> Self {
        Self { page: page.in_section(Section::Audit), filters, actor: None, rows: Vec::new(), more: None }
    }

    async fn load(visit: SignedIn, query: Form, reply: ListAuditReply) -> Result<Self, ServiceError> {
        let ListAuditReply { entries, next_cursor } = reply;
        // During a rolling update, auth-service may know more actions.
        let known = entries.into_iter().filter(|entry| entry.action() != proto::AuditAction::Unspecified);
        let entries: Vec<_> = known.map(AuditEntry::try_from).collect::<Result<_, _>>()?;
        let actor = actor(&query).map(|id| id.to_string());
        let ids = entries.iter().flat_map(AuditEntry::people).chain(actor.clone());
        let people = People::find(&visit, ids).await?;
        let texts = visit.page.texts;
        Ok(Self {
            actor: actor.map(|id| people.link(&texts.common, &id).name),
            rows: entries.into_iter().map(|entry| entry.into_row(texts, &people)).collect(),
            more: next_cursor.map(|cursor| path(&query, &cursor)),
            ..Self::new(visit.page, FormView::of(query))
        })
    }

    /// Whether there is something to leave out to see more.
    fn has_filters(&self) -> bool {
        FILTERS.iter().any(|name| !self.filters.value(name).is_empty())
    }

    /// The path of the list of everybody, with the other filters.
    fn everybody(&self) -> String {
        with_query(PATH, FILTERS.map(|name| (name, self.filters.value(name))).into_iter().skip(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;
    use chrono::{DateTime, Utc};

    fn requested(query: &[u8]) -> Result<ListAuditRequest, Vec<String>> {
        let now = DateTime::from_timestamp_nanos(0);
        let clock = Clock { now, zone: chrono_tz::Europe::Berlin, texts: &ENGLISH.dates };
        let fields = |violations: Violations| violations.iter().map(|one| one.field.clone()).collect();
        request(&clock, &Form::parse(query)).map_err(fields)
    }

    #[test]
    fn dates_are_whole_days_of_the_readers_zone() {
        let message = requested(b"from=2026-03-29&to=2026-03-29").expect("dates");
        let seconds = |text: &str| text.parse::<DateTime<Utc>>().expect("a time").timestamp();
        assert_eq!(message.from.expect("a time").seconds, seconds("2026-03-28T23:00:00Z"));
        // The clock is put forward on this day.
        let to = message.to.expect("a time");
        assert_eq!((to.seconds, to.nanos), (seconds("2026-03-29T21:59:59Z"), 999_000_000));
    }

    #[test]
    fn what_is_no_date_is_told_and_other_unknown_values_select_nothing() {
        assert_eq!(requested(b"from=yesterday&to=12026-01-01"), Err(vec!["from".into(), "to".into()]));
        let message = requested(b"actor=7&action=SLEPT&from=&x=y").expect("a request");
        assert_eq!(
            (&*message.actor_id, message.action(), message.from),
            ("", proto::AuditAction::Unspecified, None)
        );
        let message = requested(b"action=ROLE_CHANGED").expect("a request");
        assert_eq!(message.action(), proto::AuditAction::RoleChanged);
    }
}
