//! What every page says.

use eventboard_domain::{EventStatus, Role};

/// What every page says.
#[derive(Debug)]
pub(crate) struct CommonTexts {
    /// The name of the product.
    pub(crate) product: &'static str,
    /// The title in the browser's tab: the page, and where it is.
    pub(crate) title: fn(page: &str, place: &str) -> String,
    /// The same for a form with errors.
    pub(crate) title_with_error: fn(page: &str, place: &str) -> String,
    pub(crate) skip_to_content: &'static str,
    pub(crate) main_navigation: &'static str,
    pub(crate) events: &'static str,
    pub(crate) review: &'static str,
    pub(crate) my_events: &'static str,
    pub(crate) new_event: &'static str,
    pub(crate) account: &'static str,
    pub(crate) members: &'static str,
    pub(crate) invitations: &'static str,
    pub(crate) organization: &'static str,
    pub(crate) audit: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) sign_up: &'static str,
    pub(crate) sign_out: &'static str,
    /// After the number of events in the queue, for screen readers.
    pub(crate) waiting: &'static str,
    /// Beside the label of a field that may be left empty.
    pub(crate) optional: &'static str,
    pub(crate) things_to_change: fn(count: usize) -> String,
    /// The field and its rule, as a sentence.
    pub(crate) violation: fn(label: &str, rule: &str) -> String,
    pub(crate) save: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) show_more: &'static str,
    pub(crate) draft: &'static str,
    pub(crate) in_review: &'static str,
    pub(crate) published: &'static str,
    pub(crate) sent_back: &'static str,
    pub(crate) member_role: &'static str,
    pub(crate) moderator_role: &'static str,
    pub(crate) admin_role: &'static str,
    pub(crate) former_member: &'static str,
}

impl CommonTexts {
    /// What people call a status.
    pub(crate) fn status(&self, status: EventStatus) -> &'static str {
        match status {
            EventStatus::Draft => self.draft,
            EventStatus::Submitted => self.in_review,
            EventStatus::Approved => self.published,
            EventStatus::Rejected => self.sent_back,
        }
    }

    /// What people call a role.
    pub(crate) fn role(&self, role: Role) -> &'static str {
        match role {
            Role::User => self.member_role,
            Role::Moderator => self.moderator_role,
            Role::Admin => self.admin_role,
        }
    }
}

pub(super) const ENGLISH: CommonTexts = CommonTexts {
    product: "EventBoard",
    title: |page, place| format!("{page} – {place}"),
    title_with_error: |page, place| format!("Error: {page} – {place}"),
    skip_to_content: "Skip to content",
    main_navigation: "Main",
    events: "Events",
    review: "Review",
    my_events: "My events",
    new_event: "New event",
    account: "Account",
    members: "Members",
    invitations: "Invitations",
    organization: "Organization",
    audit: "Audit",
    sign_in: "Sign in",
    sign_up: "Sign up",
    sign_out: "Sign out",
    waiting: "waiting",
    optional: "(optional)",
    things_to_change: |count| match count {
        1 => "1 thing to change".to_owned(),
        _ => format!("{count} things to change"),
    },
    violation: |label, rule| format!("{label} {rule}."),
    save: "Save",
    cancel: "Cancel",
    show_more: "Show more",
    draft: "Draft",
    in_review: "In review",
    published: "Published",
    sent_back: "Sent back",
    member_role: "Member",
    moderator_role: "Moderator",
    admin_role: "Admin",
    former_member: "Former member",
};
