//! The texts of the pages for admins.

mod audit;

use eventboard_domain::Role;

pub(crate) use self::audit::AuditTexts;

/// The texts of the pages for admins.
#[derive(Debug)]
pub(crate) struct AdminTexts {
    pub(crate) members: MemberListTexts,
    pub(crate) member: MemberTexts,
    pub(crate) hand_over: HandOverTexts,
    pub(crate) delete_member: DeleteMemberTexts,
    pub(crate) invitations: InvitationListTexts,
    pub(crate) invite: InviteTexts,
    pub(crate) organization: OrganizationTexts,
    pub(crate) audit: AuditTexts,
    /// Nobody could administer the organization afterwards.
    pub(crate) last_admin: &'static str,
    /// The form was sent before, with other content.
    pub(crate) sent_before: &'static str,
}

/// The list of members, and what every page about members says.
#[derive(Debug)]
pub(crate) struct MemberListTexts {
    pub(crate) search: &'static str,
    pub(crate) find: &'static str,
    pub(crate) any: &'static str,
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) role: &'static str,
    pub(crate) state: &'static str,
    pub(crate) since: &'static str,
    pub(crate) active: &'static str,
    pub(crate) disabled: &'static str,
    pub(crate) not_verified: &'static str,
    /// Beside the viewer's own name.
    pub(crate) you: &'static str,
    pub(crate) none_found: &'static str,
    pub(crate) show_all: &'static str,
}

/// A member.
#[derive(Debug)]
pub(crate) struct MemberTexts {
    pub(crate) role_help: &'static str,
    pub(crate) role_hint: fn(first_name: &str) -> String,
    pub(crate) own_role_hint: &'static str,
    pub(crate) save_role: &'static str,
    /// Somebody else has changed the member while the page was open.
    pub(crate) changed_meanwhile: fn(role: &str, state: &str) -> String,
    pub(crate) access: &'static str,
    pub(crate) access_help: &'static str,
    pub(crate) disabled_help: fn(first_name: &str) -> String,
    pub(crate) disable: fn(first_name: &str) -> String,
    pub(crate) enable: fn(first_name: &str) -> String,
    pub(crate) events_help: fn(first_name: &str) -> String,
    pub(crate) own_events_help: &'static str,
    pub(crate) hand_over: &'static str,
    pub(crate) audit_help: &'static str,
    pub(crate) to_audit: fn(first_name: &str) -> String,
    pub(crate) delete: &'static str,
    pub(crate) delete_help: &'static str,
    pub(crate) to_delete: fn(first_name: &str) -> String,
    pub(crate) leave: &'static str,
    pub(crate) leave_help: &'static str,
    pub(crate) to_account: &'static str,
}

/// Who gets the events of a member.
#[derive(Debug)]
pub(crate) struct HandOverTexts {
    pub(crate) title: fn(name: &str) -> String,
    pub(crate) intro: &'static str,
    pub(crate) to: &'static str,
    pub(crate) to_fault: &'static str,
    /// The search finds more members than the page shows.
    pub(crate) more: &'static str,
    pub(crate) submit: &'static str,
}

/// Whether to delete a member.
#[derive(Debug)]
pub(crate) struct DeleteMemberTexts {
    pub(crate) title: fn(name: &str) -> String,
    pub(crate) what_goes: fn(first_name: &str) -> String,
    pub(crate) what_stays: &'static str,
    pub(crate) hand_over: &'static str,
    pub(crate) submit: fn(first_name: &str) -> String,
    pub(crate) keep: &'static str,
}

/// The list of invitations.
#[derive(Debug)]
pub(crate) struct InvitationListTexts {
    pub(crate) caption: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) until: &'static str,
    pub(crate) actions: &'static str,
    pub(crate) withdraw: &'static str,
    /// After `withdraw`, for screen readers.
    pub(crate) withdraw_which: fn(email: &str) -> String,
    pub(crate) none: &'static str,
}

/// The form that invites somebody.
#[derive(Debug)]
pub(crate) struct InviteTexts {
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    /// What a role may do, beside its name.
    pub(crate) role_help: fn(Role) -> &'static str,
    pub(crate) submit: &'static str,
    pub(crate) email_fault: &'static str,
    pub(crate) role_fault: &'static str,
    pub(crate) too_many: fn(open: i64, a_day: i64) -> String,
}

/// The settings of the organization.
#[derive(Debug)]
pub(crate) struct OrganizationTexts {
    /// The entry of the tabs.
    pub(crate) settings: &'static str,
    pub(crate) name: &'static str,
    pub(crate) name_help: &'static str,
    pub(crate) save_name: &'static str,
    pub(crate) joining: &'static str,
    pub(crate) joining_help: &'static str,
    pub(crate) open: &'static str,
    pub(crate) closed: &'static str,
    /// Above the link with which anybody can join.
    pub(crate) link: &'static str,
    pub(crate) save_joining: &'static str,
    pub(crate) time_zone: &'static str,
    pub(crate) time_zone_help: &'static str,
    pub(crate) time_zone_fault: &'static str,
    pub(crate) save_time_zone: &'static str,
    /// Somebody else has changed the setting while the page was open.
    pub(crate) changed_meanwhile: fn(stored: &str) -> String,
    pub(crate) usage: &'static str,
    pub(crate) usage_help: &'static str,
    pub(crate) storage: &'static str,
    pub(crate) used: fn(used: &str, limit: &str) -> String,
    pub(crate) used_unknown: fn(limit: &str) -> String,
    pub(crate) number: fn(i64) -> String,
    pub(crate) bytes: fn(i64) -> String,
}

pub(super) const ENGLISH: AdminTexts = AdminTexts {
    members: MemberListTexts {
        search: "Name or e-mail",
        find: "Find",
        any: "Any",
        name: "Name",
        email: "E-mail",
        role: "Role",
        state: "State",
        since: "Since",
        active: "Active",
        disabled: "Disabled",
        not_verified: "E-mail not verified",
        you: "you",
        none_found: "No member matches.",
        show_all: "Show all members",
    },
    member: MemberTexts {
        role_help: "Members post events. Moderators also publish them or send them back. Admins also manage people and settings.",
        role_hint: |first_name| format!("A new role signs {first_name} out of all browsers."),
        own_role_hint: "This is you: a new role signs you out of all browsers.",
        save_role: "Save role",
        changed_meanwhile: |role, state| {
            format!(
                "Somebody has changed this member meanwhile. Now: {role}, {state}. Do it once more if you still mean it."
            )
        },
        access: "Access",
        access_help: "A disabled member cannot sign in. The events stay.",
        disabled_help: |first_name| format!("{first_name} cannot sign in until you enable the account."),
        disable: |first_name| format!("Disable {first_name}"),
        enable: |first_name| format!("Enable {first_name}"),
        events_help: |first_name| {
            format!("Hand all events over to somebody else, for example before {first_name} leaves.")
        },
        own_events_help: "Hand all your events over to somebody else, for example before you leave.",
        hand_over: "Hand over events…",
        audit_help: "Sign-ins, and what was changed in the organization.",
        to_audit: |first_name| format!("Show what {first_name} did"),
        delete: "Delete",
        delete_help: "Drafts and events that are in review or were sent back go with the account. Published ones stay under “Former \
            member”.",
        to_delete: |first_name| format!("Delete {first_name}…"),
        leave: "Leave",
        leave_help: "You delete your own account on its page, with your password. You cannot disable yourself here.",
        to_account: "Go to your account",
    },
    hand_over: HandOverTexts {
        title: |name| format!("Hand over the events of {name}"),
        intro: "All events, whatever their status, belong to the other member afterwards.",
        to: "To whom",
        to_fault: "Choose a member who gets the events.",
        more: "There are more members. Type a name or an e-mail address above to find them.",
        submit: "Hand over all events",
    },
    delete_member: DeleteMemberTexts {
        title: |name| format!("Delete {name}?"),
        what_goes: |first_name| {
            format!(
                "{first_name}’s account goes, with drafts and events that are in review or were sent back. It cannot be undone."
            )
        },
        what_stays: "Published events stay, under “Former member”. To keep the others, hand them over first.",
        hand_over: "Hand over events",
        submit: |first_name| format!("Delete {first_name}"),
        keep: "Keep the account",
    },
    invitations: InvitationListTexts {
        caption: "Open invitations, the newest first",
        sent: "Sent",
        until: "Until",
        actions: "Actions",
        withdraw: "Withdraw",
        withdraw_which: |email| format!("the invitation of {email}"),
        none: "No invitation is open. Invite somebody, and they get a mail with a link.",
    },
    invite: InviteTexts {
        title: "Invite",
        intro: "They get a mail with a link that works for seven days.",
        role_help: |role| match role {
            Role::User => "Posts events.",
            Role::Moderator => "Also publishes events and sends them back.",
            Role::Admin => "Also manages people and settings.",
        },
        submit: "Send the invitation",
        email_fault: "Enter an e-mail address, such as ada@example.org.",
        role_fault: "Choose a role.",
        too_many: |open, a_day| {
            format!(
                "This is one invitation too many: {open} can be open, and {a_day} can be sent in a day. Withdraw some, or try again \
                    tomorrow."
            )
        },
    },
    organization: OrganizationTexts {
        settings: "Settings",
        name: "Name",
        name_help: "Shown at the top of every page and in mails.",
        save_name: "Save name",
        joining: "Joining",
        joining_help: "Whoever has the link can sign up as a member, without an invitation.",
        open: "Everybody with the link can join",
        closed: "Only people who are invited can join",
        link: "The link to share:",
        save_joining: "Save joining",
        time_zone: "Time zone",
        time_zone_help: "Members see times in it, unless they have chosen another one.",
        time_zone_fault: "Choose a time zone from the list.",
        save_time_zone: "Save time zone",
        changed_meanwhile: |stored| {
            format!(
                "Somebody has changed the settings meanwhile. Stored now: {stored}. Save once more to replace it with yours."
            )
        },
        usage: "Usage",
        usage_help: "At most a minute old.",
        storage: "Storage",
        used: |used, limit| format!("{used} of {limit}"),
        used_unknown: |limit| format!("Being counted, of {limit}"),
        number,
        bytes,
    },
    audit: audit::ENGLISH,
    last_admin: "This is the last admin who can sign in. Make somebody else an admin first.",
    sent_before: "You have sent this form before, with other content. Send it once more if you mean it.",
};

/// `1,234,567`.
fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("−{grouped}") } else { grouped }
}

/// `1.5 GB`, with a decimal where there is one digit before it.
fn bytes(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes.unsigned_abs() < 1_000 {
        return format!("{bytes} bytes");
    }
    let mut tenths = bytes / 100;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1_000;
        unit = larger;
    }
    match (tenths / 10, tenths % 10) {
        (whole @ 0..10, tenth @ 1..) => format!("{whole}.{tenth} {unit}"),
        (whole, _) => format!("{} {unit}", number(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_groups_of_three_digits() {
        let numbers = [0, 999, 1_000, 12_345, 1_234_567, -1_000].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567", "−1,000"]);
    }

    #[test]
    fn bytes_have_the_unit_that_reads_best() {
        let sizes = [0, 999, 1_000, 1_560, 12_999, 999_999, 1_000_000, 1_073_741_824, 5_000_000_000_000_000];
        let read = ["0 bytes", "999 bytes", "1 KB", "1.5 KB", "12 KB", "999 KB", "1 MB", "1 GB", "5,000 TB"];
        assert_eq!(sizes.map(bytes), read);
    }
}
