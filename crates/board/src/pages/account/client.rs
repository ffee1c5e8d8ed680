//! What a browser calls itself, as people say it.

use crate::texts::AccountTexts;

/// Marks of browsers, the more special ones first: most of them also contain the marks of those below.
const BROWSERS: [(&str, &str); 10] = [
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Marks of systems, the more special ones first.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows NT", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// The browser and the system of a header `User-Agent`. What is no browser is called what it says.
pub(in crate::pages) fn describe(texts: &AccountTexts, client: Option<&str>) -> String {
    let Some(client) = client.filter(|client| !client.trim().is_empty()) else {
        return texts.unknown_client.to_owned();
    };
    let is_browser = client.starts_with("Mozilla/5.0 (");
    match (named(client, &BROWSERS), named(client, &SYSTEMS)) {
        (Some(browser), Some(system)) if is_browser => (texts.browser_on)(browser, system),
        (Some(browser), None) if is_browser => browser.to_owned(),
        _ => client.to_owned(),
    }
}

fn named(client: &str, marks: &[(&str, &'static str)]) -> Option<&'static str> {
    marks.iter().find(|(mark, _)| client.contains(mark)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    #[test]
    fn browsers_are_called_what_people_call_them() {
        for (client, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 \
                 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 \
                 Safari/605.1.15",
                "Safari on macOS",
            ),
            ("Mozilla/5.0 (Playground) Firefox/1", "Firefox"),
        ] {
            assert_eq!(describe(&ENGLISH.account, Some(client)), name);
        }
    }

    #[test]
    fn what_is_no_browser_is_called_what_it_says() {
        for client in ["curl/8.5.0", "Firefox on Linux", "Mozilla/5.0 (compatible; robot)", "<b>x</b>"] {
            assert_eq!(describe(&ENGLISH.account, Some(client)), client);
        }
        for nothing in [None, Some(""), Some(" ")] {
            assert_eq!(describe(&ENGLISH.account, nothing), ENGLISH.account.unknown_client);
        }
    }
}
