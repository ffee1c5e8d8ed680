//! `/board/members`: the members of the organization.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::Role;
use eventboard_proto::auth::{self as proto, ListMembersReply, ListMembersRequest};

use super::{MEMBERS_PATH as PATH, faults, member_view::Member};
use crate::{
    Board,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormView, QueryFields},
    page::{Page, Section, SignedIn, redirect, render, render_faults},
    query::with_query,
};

/// How many members a page shows.
const LIMIT: u32 = 50;

/// The filters, by the names of their parameters.
const FILTERS: [&str; 3] = ["search", "role", "disabled"];

#[derive(Template)]
#[template(path = "pages/admin/members.html")]
struct MembersPage {
    page: Page,
    filters: FormView,
    members: Vec<Member>,
    /// The path of the next page.
    more: Option<String>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(list))
}

async fn list(visit: SignedIn, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let reply = visit.board.clients().auth().list_members(visit.calls.request(request(&query))).await;
    let SignedIn { board: _, calls: _, page, session: _, secret: _ } = visit;
    let page = page.in_section(Section::Members);
    match auth_reply(reply) {
        Ok(reply) => render(&MembersPage::new(page, query, reply)?),
        // The list has no such page, or not with these filters.
        Err(error) if error.code() == ErrorCode::InvalidInput && query.has("cursor") => {
            Ok(redirect(&path(&query, "")))
        }
        Err(error) => {
            let filters = faults(&page, &query, "search", error)?;
            render_faults(&MembersPage { page, filters, members: Vec::new(), more: None })
        }
    }
}

/// Values that are none of a filter select nothing.
fn request(query: &Form) -> ListMembersRequest {
    ListMembersRequest {
        limit: LIMIT,
        cursor: query.text("cursor"),
        search: query.text("search"),
        role: role(query).into(),
        disabled: query.value("disabled").parse().ok(),
    }
}

/// The role that was chosen. Unspecified for none.
pub(super) fn role(form: &Form) -> proto::Role {
    let role: Option<Role> = form.value("role").parse().ok();
    role.map(proto::Role::from).unwrap_or_default()
}

fn path(query: &Form, cursor: &str) -> String {
    with_query(PATH, FILTERS.map(|name| (name, query.value(name))).into_iter().chain([("cursor", cursor)]))
}

impl MembersPage {
    fn new(page: Page, query: Form, reply: ListMembersReply) -> Result<Self, ServiceError> {
        let ListMembersReply { members, next_cursor } = reply;
        let members = members.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
        let more = next_cursor.map(|cursor| path(&query, &cursor));
        Ok(Self { page, filters: FormView::of(query), members, more })
    }

    fn is_viewer(&self, member: &Member) -> bool {
        self.page.viewer().is_some_and(|viewer| viewer.id == member.id)
    }

    fn has_filters(&self) -> bool {
        FILTERS.iter().any(|name| !self.filters.value(name).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_the_address_select_members() {
        let all = request(&Form::parse(b""));
        assert_eq!((all.role(), all.disabled, &*all.search), (proto::Role::Unspecified, None, ""));
        let some = request(&Form::parse(b"search=ada&role=ADMIN&disabled=true"));
        assert_eq!((some.role(), some.disabled, &*some.search), (proto::Role::Admin, Some(true), "ada"));
        let unknown = request(&Form::parse(b"role=OWNER&disabled=perhaps&page=7"));
        assert_eq!((unknown.role(), unknown.disabled), (proto::Role::Unspecified, None));
    }

    #[test]
    fn the_next_page_has_the_same_filters() {
        let query = Form::parse(b"search=ada+l&disabled=false&cursor=old");
        assert_eq!(path(&query, "new"), "/board/members?search=ada+l&disabled=false&cursor=new");
        assert_eq!(path(&query, ""), "/board/members?search=ada+l&disabled=false");
    }
}
