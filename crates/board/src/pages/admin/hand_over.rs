//! `/board/members/{id}/hand-over`: gives the events of a member to another one.

use askama::Template;
use axum::{Router, extract::Path, response::Response, routing::get};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_proto::{
    auth::{self as proto, ListMembersRequest},
    events::{TransferReply, TransferRequest},
};

use super::{Admin, faults, id_in_path, member_view::Member};
use crate::{
    Board,
    banner::Banner,
    calls::{auth_reply, events_reply},
    error::PageError,
    form::{FormBody, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect_with_banner, render, render_faults},
};

/// How many members the page offers. The search finds the others.
const LIMIT: usize = 10;

/// The parameter of the search, which the other form keeps.
const SEARCH: &str = "to-search";

#[derive(Template)]
#[template(path = "pages/admin/hand_over.html")]
struct HandOverPage {
    page: Page,
    /// Who has the events.
    member: Member,
    form: FormView,
    found: Found,
}

/// The members who could get the events.
struct Found {
    members: Vec<Member>,
    /// Whether the search finds more than those.
    has_more: bool,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/members/{id}/hand-over", get(show).post(hand_over))
}

async fn show(
    Admin(visit): Admin,
    Path(id): Path<String>,
    QueryFields(query): QueryFields,
) -> Result<Response, PageError> {
    let member = Member::find(&visit, id_in_path(&id)?).await?;
    let page = HandOverPage::new(visit, member, FormView::of(query)).await?;
    render(&page)
}

async fn hand_over(
    Admin(visit): Admin,
    Path(id): Path<String>,
    FormBody(form): FormBody,
) -> Result<Response, PageError> {
    let id = id_in_path(&id)?;
    let member = Member::find(&visit, id).await?;
    if form.is_to_be_shown() {
        return render(&HandOverPage::new(visit, member, FormView::of((*form).clone())).await?);
    }
    let idempotency = Some(visit.calls.idempotency(form.key()));
    let message = TransferRequest { from_id: id.to_string(), to_id: form.text("to"), idempotency };
    match events_reply(visit.board.clients().events().transfer(visit.calls.request(message)).await) {
        Ok(reply) => Ok(handed_over(&visit, &member, &reply)),
        Err(error) => {
            let faults = faults(&visit.page, &form, "to", error)?;
            render_faults(&HandOverPage::new(visit, member, faults).await?)
        }
    }
}

fn handed_over(visit: &SignedIn, member: &Member, reply: &TransferReply) -> Response {
    let (path, banner) = match reply {
        TransferReply { transferred: _, has_more: true, replayed: _ } => {
            (format!("{}/hand-over", member.path()), Banner::EventsPartlyTransferred)
        }
        TransferReply { transferred: 0, has_more: false, replayed: _ } => {
            (member.path(), Banner::NothingTransferred)
        }
        TransferReply { transferred: _, has_more: false, replayed: _ } => {
            (member.path(), Banner::EventsTransferred)
        }
    };
    redirect_with_banner(&visit.board, &path, banner)
}

impl Found {
    /// The first members that the search finds, besides the one who has the events.
    async fn search(visit: &SignedIn, member: &Member, search: &str) -> Result<Self, ServiceError> {
        let message = ListMembersRequest {
            // One for the member, and one to know whether there are more.
            limit: u32::try_from(LIMIT).unwrap_or_default().saturating_add(2),
            cursor: String::new(),
            search: search.to_owned(),
            role: proto::Role::Unspecified.into(),
            disabled: Some(false),
        };
        let reply = auth_reply(visit.board.clients().auth().list_members(visit.calls.request(message)).await);
        let reply = match reply {
            Ok(reply) => reply,
            // A search with too many characters finds nobody.
            Err(error) if error.code() == ErrorCode::InvalidInput => return Ok(Self::nobody()),
            Err(error) => return Err(error),
        };
        let members: Vec<_> = reply.members.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
        let mut members: Vec<_> = members.into_iter().filter(|found| found.id != member.id).collect();
        let has_more = members.len() > LIMIT;
        members.truncate(LIMIT);
        Ok(Self { members, has_more })
    }

    fn nobody() -> Self {
        Self { members: Vec::new(), has_more: false }
    }
}

impl HandOverPage {
    async fn new(visit: SignedIn, member: Member, form: FormView) -> Result<Self, PageError> {
        let found = Found::search(&visit, &member, form.value(SEARCH)).await?;
        Ok(Self { page: visit.page.in_section(Section::Members), member, form, found })
    }
}
