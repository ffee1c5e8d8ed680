//! Where to go after signing in.

use http::{Uri, uri::PathAndQuery};

use crate::{PATH, serves};

/// The longest path that is followed.
const MAX_LENGTH: usize = 2_000;

/// A path below `/board`, with its query. Anything else would lead to another site, or to something that is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextPath(String);

impl NextPath {
    /// Reads a path. Whatever is not a path of the board leads to its first page.
    pub(crate) fn parse(text: &str) -> Self {
        if is_path(text) { Self(text.to_owned()) } else { Self(PATH.to_owned()) }
    }

    /// The path with its query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads to the first page.
    pub(crate) fn is_home(&self) -> bool {
        self.0 == PATH
    }
}

fn is_path(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_authority = uri.scheme().is_some() || uri.authority().is_some();
    let is_plain =
        text.len() <= MAX_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = uri.path();
    // A browser resolves dots, also encoded ones, before it asks for the path.
    let has_dots = path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    });
    let is_same = uri.path_and_query().map(PathAndQuery::as_str) == Some(text);
    !has_authority && is_plain && is_same && !has_dots && !path.contains("//") && serves(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn only_paths_below_the_board_are_followed() {
        for path in ["/board", "/board/events/1?a=b&c=%2F", "/board/events?text=a%2Fb"] {
            assert_eq!(NextPath::parse(path).as_str(), path);
        }
        for path in [
            "",
            "/",
            "/api",
            "/boards",
            "//board",
            "//evil.example/board",
            "https://evil.example/board",
            "/board//evil.example",
            "/board/../api",
            "/board/%2e%2E/api",
            "/board/./x",
            "\\board",
            "/board\\..\\api",
            "/board/ x",
            "/board/\u{e9}",
            "javascript:alert(1)",
            "/board@evil.example",
            "/board#x",
        ] {
            assert!(NextPath::parse(path).is_home(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_browser_finds_every_path_that_is_followed_on_the_board(
            text in "(/board|/|//|\\.\\.|%2e|%2F|\\\\|@|#|\\?|[a-z:]|\\PC){0,12}"
        ) {
            let base = Url::parse("https://board.example").expect("a URL");
            let target = base.join(NextPath::parse(&text).as_str()).expect("a URL");
            prop_assert_eq!(target.origin(), base.origin());
            prop_assert!(serves(target.path()), "{}", target);
        }
    }
}
