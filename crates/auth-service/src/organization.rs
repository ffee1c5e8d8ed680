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

impl MemberPosition {
    /// The position as an opaque text. It is not signed, as every position is a valid one: it only says where a list continues.
    pub(crate) fn to_cursor(&self) -> String {
        let Self { last_name, first_name, id } = self;
        URL_SAFE_NO_PAD.encode(format!("{id}{last_name}\n{first_name}"))
    }

    /// Reads a text from [`MemberPosition::to_cursor`]. `None` for any other text.
    pub(crate) fn from_cursor(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (id, names) = text.split_at_checked(36)?;
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

    proptest! {
        #[test]
        fn a_position_is_read_from_its_cursor(last_name in "\\PC{1,50}", first_name in "\\PC{1,50}", id in any::<u128>()) {
            let position = MemberPosition { last_name, first_name, id: Uuid::from_u128(id) };
            prop_assert_eq!(MemberPosition::from_cursor(&position.to_cursor()), Some(position));
        }

        #[test]
        fn any_text_is_a_cursor_or_not(text in "\\PC{0,80}") {
            let _ = MemberPosition::from_cursor(&text);
        }
    }

    #[test]
    fn a_cursor_has_no_character_that_cannot_be_stored() {
        let cursor = URL_SAFE_NO_PAD.encode(format!("{}a\0\nb", Uuid::nil()));
        assert_eq!(MemberPosition::from_cursor(&cursor), None);
        assert_eq!(MemberPosition::from_cursor(&URL_SAFE_NO_PAD.encode("x")), None);
    }
}
