//! Organizations and their members, as members see them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use eventboard_domain::{OrganizationSettings, Role};
use uuid::Uuid;

use crate::user::Organization;

/// An organization with its settings.
pub(crate) struct OrganizationDetails {
    pub organization: Organization,
    pub settings: OrganizationSettings,
    pub created_at: DateTime<Utc>,
    /// The number of members, with those that are disabled.
    pub members: i64,
    /// Grows with every change of the settings.
    pub version: i64,
}

/// A member of an organization. It contains personal data, so log only the id.
pub(crate) struct Member {
    pub id: Uuid,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
    pub disabled: bool,
    pub created_at: DateTime<Utc>,
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Grows with every change of the member.
    pub version: i64,
}

/// Selects members.
#[derive(Debug)]
pub(crate) struct MemberQuery {
    /// The maximum number of members.
    pub limit: u32,
    /// The last member of the page before.
    pub after: Option<MemberPosition>,
    pub filters: MemberFilters,
}

/// Which members are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberFilters {
    /// Each of its words begins a word in the name or in the address.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

/// The place of a member in the list: both names in the form in which they are sorted, and the ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberPosition {
    pub last_name: String,
    pub first_name: String,
    pub id: Uuid,
}

/// Members, by last name and first name.
pub(crate) struct MemberPage {
    pub members: Vec<Member>,
    /// Where the next page starts. `None` on the last page.
    pub next: Option<MemberPosition>,
}

/// What an invitation is about.
pub(crate) struct InvitationContent {
    pub organization: Organization,
    pub email: String,
    pub role: Role,
}

impl MemberFilters {
    /// The filters in one line.
    fn line(&self) -> String {
        let Self { search, role, disabled } = self;
        format!("{role:?} {disabled:?} {search:?}")
    }
}

impl MemberPosition {
    /// The position in a list as an opaque text. It is not signed, as every position is a valid one: it only says where a list
    /// continues.
    pub(crate) fn to_cursor(&self, filters: &MemberFilters) -> String {
        let Self { last_name, first_name, id } = self;
        URL_SAFE_NO_PAD.encode(format!("{id}{}\n{last_name}\n{first_name}", filters.line()))
    }

    /// Reads a text from [`MemberPosition::to_cursor`]. `None` for any other text, and for another list.
    pub(crate) fn from_cursor(cursor: &str, filters: &MemberFilters) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (id, rest) = text.split_at_checked(36)?;
        let names = rest.strip_prefix(&filters.line())?.strip_prefix('\n')?;
        let (last_name, first_name) = names.split_once('\n')?;
        // PostgreSQL's type `text` can store every character except NUL.
        if names.contains('\0') {
            return None;
        }
        Some(Self {
            last_name: last_name.to_owned(),
            first_name: first_name.to_owned(),
            id: Uuid::try_parse(id).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: MemberFilters = MemberFilters { search: None, role: None, disabled: None };

    proptest! {
        #[test]
        fn a_position_is_read_from_its_cursor_in_the_same_list(
            last_name in "\\PC{1,50}", first_name in "\\PC{1,50}", id in any::<u128>(), search in any::<Option<String>>(),
        ) {
            let position = MemberPosition { last_name, first_name, id: Uuid::from_u128(id) };
            let filters = MemberFilters { search, role: None, disabled: Some(false) };
            let cursor = position.to_cursor(&filters);
            prop_assert_eq!(MemberPosition::from_cursor(&cursor, &filters), Some(position));
            let other = MemberFilters { disabled: None, ..filters };
            prop_assert_eq!(MemberPosition::from_cursor(&cursor, &other), None);
        }

        #[test]
        fn any_other_text_is_no_cursor(text in "\\PC{0,80}") {
            prop_assert_eq!(MemberPosition::from_cursor(&text, &ALL), None);
        }
    }

    #[test]
    fn a_cursor_has_no_character_that_cannot_be_stored() {
        let position =
            MemberPosition { last_name: "a\0".to_owned(), first_name: "b".to_owned(), id: Uuid::nil() };
        assert_eq!(MemberPosition::from_cursor(&position.to_cursor(&ALL), &ALL), None);
        assert_eq!(MemberPosition::from_cursor(&URL_SAFE_NO_PAD.encode("x"), &ALL), None);
    }
}
