//! The quiet line on top of the page after an action.

use http::HeaderMap;

use crate::{cookie, viewer::Viewer};

macro_rules! banners {
    ($($(#[$meta:meta])* $banner:ident = $name:literal;)+) => {
        /// What the page says on top about the action that led to it. A cookie carries its name to the next page. Its text is the
        /// field with the same name in [`BannerTexts`](crate::texts::BannerTexts).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Banner {
            $($(#[$meta])* $banner,)+
        }

        impl Banner {
            /// All banners.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$banner),+];

            /// The name in the cookie.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$banner => $name,)+ }
            }

            fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$banner),)+ _ => None }
            }
        }
    };
}

banners! {
    /// The session was opened after a signup.
    SignedUp = "signed-up";
    /// The session was opened with an invitation.
    Joined = "joined";
    /// A signup was sent by somebody who has the account already.
    HadAccount = "had-account";
    /// What was typed before the session ended is shown again.
    ShownAgain = "shown-again";
    /// The session was ended by its user.
    SignedOut = "signed-out";
    /// A draft was saved.
    DraftSaved = "draft-saved";
    /// An event was changed.
    EventSaved = "event-saved";
    /// An event was saved, but not submitted, because the address of its author is not verified.
    SavedNotSubmitted = "saved-not-submitted";
    /// A sent-back event was changed.
    SavedToSubmitAgain = "saved-to-submit-again";
    /// An event was submitted.
    Submitted = "submitted";
    /// A moderator has submitted an event of their own.
    SubmittedByModerator = "submitted-by-moderator";
    /// A form was sent twice: the page shows what the first one made.
    AlreadySent = "already-sent";
    /// An event was deleted.
    EventDeleted = "event-deleted";
    /// A moderator published an event.
    Published = "published";
    /// A moderator sent an event back.
    SentBack = "sent-back";
    /// The address was verified.
    EmailVerified = "email-verified";
    /// A mail with a link was asked for.
    LinkSent = "link-sent";
    /// The password was set with a link.
    PasswordReset = "password-reset";
    /// The profile was changed.
    ProfileSaved = "profile-saved";
    /// The password was changed.
    PasswordChanged = "password-changed";
    /// Another address was asked for.
    EmailChangeAsked = "email-change-asked";
    /// The change of the address was withdrawn.
    EmailChangeWithdrawn = "email-change-withdrawn";
    /// The choice of mails was changed.
    NotificationsSaved = "notifications-saved";
    /// A session was ended.
    SessionEnded = "session-ended";
    /// All other sessions were ended.
    OtherSessionsEnded = "other-sessions-ended";
    /// The account was deleted.
    AccountDeleted = "account-deleted";
    /// The settings of the organization were changed.
    SettingsSaved = "settings-saved";
    /// The viewer's own role was changed, which has ended the session.
    OwnRoleChanged = "own-role-changed";
    /// The role of a member was changed, or the member was disabled or enabled.
    MemberSaved = "member-saved";
    /// A member was deleted.
    MemberDeleted = "member-deleted";
    /// The events of a member were handed over.
    EventsTransferred = "events-transferred";
    /// Some of the events of a member were handed over.
    EventsPartlyTransferred = "events-partly-transferred";
    /// There were no events to hand over.
    NothingTransferred = "nothing-transferred";
    /// Somebody was invited.
    Invited = "invited";
    /// An invitation was withdrawn.
    InvitationWithdrawn = "invitation-withdrawn";
    /// An invitation was to be withdrawn that was not open any more.
    InvitationGone = "invitation-gone";
}

impl Banner {
    /// What is said to who has submitted an event.
    pub(crate) fn submitted(viewer: Option<&Viewer>) -> Self {
        match viewer.is_some_and(Viewer::is_moderator) {
            true => Self::SubmittedByModerator,
            false => Self::Submitted,
        }
    }

    /// The banner that waits for this request's page.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(cookie::banner(headers)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_banner_is_found_by_its_name() {
        for banner in Banner::ALL {
            assert_eq!(Banner::parse(banner.name()), Some(*banner));
        }
        assert_eq!(Banner::parse("<b>"), None);
    }
}
