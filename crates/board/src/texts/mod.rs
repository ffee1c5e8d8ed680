//! All texts of the pages. A language is a value of [`Texts`]: what is missing in it does not compile, and what no page uses is
//! reported by the compiler. A text with a part that differs is a function, so that every language orders its words itself.
//!
//! A section of texts is a file, with its English values below it.

mod account;
mod admin;
mod auth;
mod banner;
mod common;
mod dates;
mod error;
mod event_form;
mod events;
mod review;

pub(crate) use self::{
    account::AccountTexts,
    admin::{AdminTexts, OrganizationTexts},
    auth::AuthTexts,
    banner::BannerTexts,
    common::CommonTexts,
    dates::DateTexts,
    error::ErrorTexts,
    event_form::EventFormTexts,
    events::EventTexts,
    review::ReviewTexts,
};

/// The texts in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The language tag (BCP 47).
    pub(crate) language: &'static str,
    pub(crate) common: CommonTexts,
    pub(crate) dates: DateTexts,
    pub(crate) banners: BannerTexts,
    pub(crate) errors: ErrorTexts,
    pub(crate) auth: AuthTexts,
    pub(crate) event_form: EventFormTexts,
    pub(crate) events: EventTexts,
    pub(crate) review: ReviewTexts,
    pub(crate) admin: AdminTexts,
    pub(crate) account: AccountTexts,
}

/// The texts in English.
pub(crate) static ENGLISH: Texts = Texts {
    language: "en",
    common: common::ENGLISH,
    dates: dates::ENGLISH,
    banners: banner::ENGLISH,
    errors: error::ENGLISH,
    auth: auth::ENGLISH,
    event_form: event_form::ENGLISH,
    events: events::ENGLISH,
    review: review::ENGLISH,
    admin: admin::ENGLISH,
    account: account::ENGLISH,
};
