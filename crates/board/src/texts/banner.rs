//! What pages say about the action that led to them.

use crate::banner::Banner;

/// What pages say about the action that led to them.
#[derive(Debug)]
pub(crate) struct BannerTexts {
    /// The text of each banner.
    pub(crate) text: fn(Banner) -> &'static str,
}

pub(super) const ENGLISH: BannerTexts = BannerTexts {
    text: |banner| match banner {
        Banner::SignedUp => "Welcome. We have sent you a mail with a link: open it to verify your address.",
        Banner::Joined => "Welcome. Your account is ready.",
        Banner::HadAccount => "You have an account with this address already. You are signed in to it.",
        Banner::ShownAgain => {
            "You are signed in again. What you typed was not sent yet: look at it, then send it."
        }
        Banner::SignedOut => "You are signed out.",
        Banner::DraftSaved => "Draft saved. Only you and the moderators see it.",
        Banner::EventSaved => "Saved.",
        Banner::SavedNotSubmitted => "Saved, but not submitted yet: verify your address first.",
        Banner::SavedToSubmitAgain => "Saved. Submit it again when it is ready.",
        Banner::SubmittedByModerator => "Submitted. You are a moderator: you can publish it yourself.",
        Banner::Submitted => "Submitted. A moderator will look at it; you will get a mail.",
        Banner::AlreadySent => "You have sent this form already. This is what it made.",
        Banner::EventDeleted => "The event is deleted.",
        Banner::Published => "Published. Everybody in the organization sees it now.",
        Banner::SentBack => "Sent back. The author gets a mail with your reason.",
        Banner::EmailVerified => "Your address is verified.",
        Banner::LinkSent => "Sent. The link works for seven days.",
        Banner::PasswordReset => "Your password is changed. Sign in with the new one.",
        Banner::ProfileSaved => "Saved.",
        Banner::PasswordChanged => "Your password is changed. You are signed out everywhere else.",
        Banner::EmailChangeAsked => {
            "We have sent a link to the new address. Until you open it, the old one stays."
        }
        Banner::EmailChangeWithdrawn => "Your address stays as it is.",
        Banner::NotificationsSaved => "Saved.",
        Banner::SessionEnded => "That session is signed out.",
        Banner::OtherSessionsEnded => "You are signed out everywhere else.",
        Banner::AccountDeleted => "Your account is deleted.",
        Banner::SettingsSaved => "Saved.",
        Banner::OwnRoleChanged => "Your role is changed. Sign in again to go on.",
        Banner::MemberSaved => "Saved.",
        Banner::MemberDeleted => "The member is deleted.",
        Banner::EventsTransferred => "The events are handed over.",
        Banner::EventsPartlyTransferred => {
            "Some of the events are handed over. There are more: do it once more."
        }
        Banner::NothingTransferred => "There were no events to hand over.",
        Banner::Invited => "Invited. The mail with the link is on its way.",
        Banner::InvitationGone => "That invitation was not open any more: somebody has used or withdrawn it.",
        Banner::InvitationWithdrawn => "The invitation is withdrawn. Its link no longer works.",
    },
};
