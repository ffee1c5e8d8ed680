//! A page that only says something, with a way on.

use askama::Template;

use crate::page::Page;

/// A page that only says something, with a way on.
#[derive(Template)]
#[template(path = "pages/notice.html")]
pub(super) struct Notice {
    pub(super) page: Page,
    pub(super) heading: &'static str,
    /// What happened, and what to do.
    pub(super) help: String,
    /// Where the way on leads to.
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    /// Whether signing in is another way on.
    pub(super) or_sign_in: bool,
}
