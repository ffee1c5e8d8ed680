//! EventBoard in the browser: pages rendered on the server, below `/board`.
//!
//! The gateway mounts [`Board`]. A page is a file in `pages`, with its template beside it. It reads what was typed, calls the
//! services with the same clients as the JSON API, and shows what they answer. It decides no rule: the services check
//! what was typed, and the page shows each fault at its field.
//!
//! Every page works without scripts. `docs/board.md` tells how to add a page, a text or a style.

mod assets;
mod banner;
mod calls;
mod cookie;
mod dates;
mod description;
mod digest;
mod error;
mod error_page;
mod event;
mod event_filters;
mod event_lookup;
mod event_steps;
mod event_times;
mod filter_words;
mod form;
mod mount;
mod next_path;
mod page;
mod page_request;
mod pages;
mod query;
mod receive_form;
mod same_origin;
mod security_headers;
mod session;
mod state;
mod texts;
mod viewer;
mod zones;

pub use self::{
    error::PageFailure,
    error_page::Failure,
    mount::counts_for_address,
    page_request::PageRequest,
    receive_form::receive_form,
    state::{Board, BoardConfig},
};

/// The path of the board. All pages and files are below it.
pub const PATH: &str = "/board";

/// Whether a path is the board's.
pub fn serves(path: &str) -> bool {
    is_below(path, PATH)
}

/// Whether a path is another one, or below it.
pub fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
