//! `/auth/me/export`: a copy of what the system stores about the current user.
//!
//! The copy can be long, so it is written while the client reads it. The services return it in pages, and one page is in
//! memory at a time: the next one is asked for when the client has taken the last one.

use eventboard_client::Backend;
use std::mem;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use board::Board;
use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use eventboard_chassis::{
    error::ServiceError,
    layer::{Inner, Next as Handler, layer_fn},
    server::AdmissionPermit,
    token::{TokenVerifier, VerifiedToken},
};
use eventboard_domain::HistoryAction;
use eventboard_proto::{
    auth::{self as auth_proto, ExportMeReply, ExportMeRequest, NotificationsReply},
    events::{self as events_proto, ExportReply, ExportRequest},
};
use futures::stream;
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use tracing::{Instrument, Span};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    audit::{AuditEntry, known_entries},
    auth::{Organization, User},
    events::Event,
    invitations::Invitation,
    notifications::Notifications,
    operation,
    responses::NO_STORE,
    sessions::UserSession,
    time, with_deadline,
};
use crate::{
    extract::{EnumValue, OutgoingCall, Parameters, RecordedCaller},
    policy::Policies,
    problem::Problem,
    state::AppState,
};

/// The OpenAPI tag of the operation.
const TAG: &str = "auth";

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// Browsers save the response.
const ATTACHMENT: (HeaderName, HeaderValue) = (
    header::CONTENT_DISPOSITION,
    HeaderValue::from_static("attachment; filename=\"eventboard-export.json\""),
);

pub(super) fn routes(policies: &Policies) -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(operation!(policies.list, export))
}

/// The same for a browser, which has a session instead of a token.
pub(crate) fn board_export(policies: &Policies, board: Board, verifier: TokenVerifier) -> Router<AppState> {
    let handler = get(export).route_layer(layer_fn((board, verifier), exchange_session));
    Router::new().route("/board/account/export", with_deadline(policies.list, handler))
}

/// Puts the access token of the session into the request.
async fn exchange_session(
    (board, verifier): (Board, TokenVerifier),
    request: Request,
    handler: Handler<impl Inner>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    // The board reads no token of the client.
    parts.extensions.remove::<VerifiedToken>();
    match board.authorization(&mut parts).await {
        Ok(authorization) => parts.headers.insert(header::AUTHORIZATION, authorization),
        Err(response) => return response,
    };
    if let Some(token) = verifier.verify(&parts.headers) {
        parts.extensions.insert(token);
    }
    let mut response = handler.run(Request::from_parts(parts, body)).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Export the data of the current user
///
/// What the user wrote, and what is recorded about the user. The response is written while it is read. It is incomplete if
/// the connection ends before the end of the JSON document: then send the request again. The deadline and the attempts
/// concern each part of it.
#[utoipa::path(
    get, path = "/auth/me/export", tag = TAG, operation_id = "exportCurrentUser",
    responses((
        status = 200, description = "The data.", body = DataExport,
        headers(("Cache-Control"), ("Content-Disposition")),
    )),
    extensions(("x-access" = json!("any authenticated user"))),
)]
async fn export(
    State(state): State<AppState>,
    RecordedCaller(call): RecordedCaller,
    Parameters(()): Parameters<()>,
) -> Result<Response, Problem> {
    let permit = state.exports().admit(call.requester())?;
    // Before the response begins, because errors have their own statuses.
    let reply = state.clients().auth().export_me(call.request(ExportMeRequest::default())).await;
    let export = Export::begin(state, call, permit, Backend::Auth.reply(reply)?)?;
    let body = Body::from_stream(stream::try_unfold(export, Export::next_piece));
    Ok(([JSON, ATTACHMENT, NO_STORE], body).into_response())
}

/// What the system stores about a user.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the document, which is written in pieces")]
struct DataExport {
    #[schema(format = DateTime)]
    exported_at: String,
    account: ExportedAccount,
    /// What the audit says about the user, newest first.
    audit: Vec<AuditEntry>,
    /// The events of the user.
    events: Vec<Event>,
    /// What the user did to events, the oldest first.
    history: Vec<HistoryEntry>,
}

/// The account of a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExportedAccount {
    user: User,
    organization: Organization,
    notifications: Notifications,
    /// The sessions that have not ended.
    sessions: Vec<UserSession>,
    /// The invitations by the user that wait for an answer.
    invitations: Vec<Invitation>,
    /// The blocks of addresses that the user logged in from.
    #[schema(example = json!(["203.0.113.7/32", "2001:db8::/64"]))]
    known_addresses: Vec<String>,
}

/// Something that the user did to an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryEntry {
    /// The event may have been deleted since.
    #[schema(format = Uuid)]
    event_id: String,
    action: HistoryActionValue,
    /// The reason of a rejection.
    #[schema(required = true)]
    reason: Option<String>,
    #[schema(format = DateTime)]
    at: String,
}

/// An alias is needed, because the derived schema cannot refer to a generic type.
type HistoryActionValue = EnumValue<HistoryAction>;

/// An export while it is written.
struct Export {
    state: AppState,
    call: OutgoingCall,
    document: Document,
    next: Next,
    /// Its log lines belong to the request, which has ended for the layers around the handler.
    span: Span,
    _permit: AdmissionPermit,
}

/// What comes next in an export.
enum Next {
    /// The piece with the page that was read before the response began.
    Piece(Bytes, Page),
    /// The piece with this page.
    Page(Page),
    /// Nothing.
    End,
}

/// A page that has not been read, with its cursor. The cursor of the first page is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    Audit(String),
    Events(String),
}

impl Export {
    fn begin(
        state: AppState,
        call: OutgoingCall,
        permit: AdmissionPermit,
        first: ExportMeReply,
    ) -> Result<Self, ServiceError> {
        let exported_at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let (document, piece, page) = Document::begin(&exported_at, first)?;
        let next = Next::Piece(piece, page);
        Ok(Self { state, call, document, next, span: Span::current(), _permit: permit })
    }

    /// Writes the next piece. `None` after the last one. An error ends the connection, so that the client notices that the
    /// document is incomplete.
    async fn next_piece(mut self) -> Result<Option<(Bytes, Self)>, ServiceError> {
        let (piece, next) = match mem::replace(&mut self.next, Next::End) {
            Next::Piece(piece, page) => (piece, Next::Page(page)),
            Next::Page(page) => {
                let span = self.span.clone();
                // Boxed because the calls would enlarge the future of every piece.
                Box::pin(self.write_page(page).instrument(span)).await?
            }
            Next::End => return Ok(None),
        };
        self.next = next;
        Ok(Some((piece, self)))
    }

    async fn write_page(&mut self, page: Page) -> Result<(Bytes, Next), ServiceError> {
        let policy = self.state.page_policy();
        let written = match page {
            Page::Audit(cursor) => {
                let call = self.call.later_request(policy, ExportMeRequest { cursor });
                let reply = Backend::Auth.reply(self.state.clients().auth().export_me(call).await);
                reply.and_then(|reply| self.document.add_audit(reply))
            }
            Page::Events(cursor) => {
                let call = self.call.later_request(policy, ExportRequest { cursor });
                let reply = Backend::Events.reply(self.state.clients().events().export(call).await);
                reply.and_then(|reply| self.document.add_events(reply))
            }
        };
        written.inspect_err(|error| {
            tracing::warn!(code = error.code().as_str(), "An export was cut off");
            error.log();
        })
    }
}

/// The lists of the document, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Audit,
    Events,
    History,
}

impl Section {
    /// The text between this list and the one before.
    const fn separator(self) -> &'static str {
        match self {
            Self::Audit => r#","audit":["#,
            Self::Events => r#"],"events":["#,
            Self::History => r#"],"history":["#,
        }
    }
}

/// The text of the document after the last list.
const END: &str = "]}";

/// The JSON document while it is written: the list to which the next items belong.
struct Document {
    section: Section,
    is_empty: bool,
}

impl Document {
    /// Begins a document with the first page of auth-service. Returns it with its first piece, and what to read next.
    fn begin(exported_at: &str, first: ExportMeReply) -> Result<(Self, Bytes, Page), ServiceError> {
        let ExportMeReply { account, audit, next_cursor } = first;
        let account = account.ok_or_else(|| Backend::Auth.invalid_reply("account"))?;
        let account = to_json(&ExportedAccount::try_from(account)?)?;
        let mut piece = format!(r#"{{"exportedAt":"{exported_at}","account":{account}"#);
        piece.push_str(Section::Audit.separator());
        let mut document = Self { section: Section::Audit, is_empty: true };
        document.add(&mut piece, Section::Audit, &known_entries(audit)?)?;
        Ok((document, piece.into(), page_after_audit(next_cursor)))
    }

    /// Adds another page of auth-service. Returns the piece, and what comes next.
    fn add_audit(&mut self, reply: ExportMeReply) -> Result<(Bytes, Next), ServiceError> {
        let ExportMeReply { account: _, audit, next_cursor } = reply;
        let mut piece = String::new();
        self.add(&mut piece, Section::Audit, &known_entries(audit)?)?;
        Ok((piece.into(), Next::Page(page_after_audit(next_cursor))))
    }

    /// Adds a page of events-service. Returns the piece, and what comes next.
    fn add_events(&mut self, reply: ExportReply) -> Result<(Bytes, Next), ServiceError> {
        let ExportReply { events, history, next_cursor } = reply;
        let events = events.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
        let history = history.into_iter().map(HistoryEntry::try_from).collect::<Result<Vec<_>, _>>()?;
        let mut piece = String::new();
        self.add(&mut piece, Section::Events, &events)?;
        if !history.is_empty() {
            self.add(&mut piece, Section::History, &history)?;
        }
        let next = match next_cursor {
            Some(cursor) => Next::Page(Page::Events(cursor)),
            None => {
                self.advance_to(&mut piece, Section::History);
                piece.push_str(END);
                Next::End
            }
        };
        Ok((piece.into(), next))
    }

    fn add(
        &mut self,
        piece: &mut String,
        section: Section,
        items: &[impl Serialize],
    ) -> Result<(), ServiceError> {
        self.advance_to(piece, section);
        for item in items {
            if !mem::take(&mut self.is_empty) {
                piece.push(',');
            }
            piece.push_str(&to_json(item)?);
        }
        Ok(())
    }

    /// Ends the lists before this one.
    fn advance_to(&mut self, piece: &mut String, section: Section) {
        for next in [Section::Events, Section::History] {
            if self.section < next && next <= section {
                piece.push_str(next.separator());
                *self = Self { section: next, is_empty: true };
            }
        }
    }
}

fn page_after_audit(next_cursor: Option<String>) -> Page {
    next_cursor.map_or_else(|| Page::Events(String::new()), Page::Audit)
}

fn to_json(value: &impl Serialize) -> Result<String, ServiceError> {
    serde_json::to_string(value).map_err(ServiceError::internal)
}

impl TryFrom<auth_proto::ExportedAccount> for ExportedAccount {
    type Error = ServiceError;

    fn try_from(account: auth_proto::ExportedAccount) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Auth.invalid_reply(field);
        let auth_proto::ExportedAccount {
            user,
            organization,
            decisions,
            sessions,
            invitations,
            known_addresses,
        } = account;
        Ok(Self {
            user: user.ok_or_else(|| invalid("user"))?.try_into()?,
            organization: organization.ok_or_else(|| invalid("organization"))?.into(),
            notifications: NotificationsReply { decisions }.try_into()?,
            sessions: sessions.into_iter().map(UserSession::try_from).collect::<Result<_, _>>()?,
            invitations: invitations.into_iter().map(Invitation::try_from).collect::<Result<_, _>>()?,
            known_addresses,
        })
    }
}

impl TryFrom<events_proto::HistoryEntry> for HistoryEntry {
    type Error = ServiceError;

    fn try_from(entry: events_proto::HistoryEntry) -> Result<Self, ServiceError> {
        let invalid = |field| Backend::Events.invalid_reply(field);
        let action = HistoryAction::try_from(entry.action()).map_err(|_| invalid("action"))?;
        let events_proto::HistoryEntry { event_id, action: _, reason, at } = entry;
        let at = time::to_rfc3339(at).ok_or_else(|| invalid("at"))?;
        Ok(Self { event_id, action: EnumValue(action), reason, at })
    }
}

#[cfg(test)]
mod tests;
