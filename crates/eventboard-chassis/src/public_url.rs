//! Where people reach the gateway.

use std::str::FromStr;

use url::Url;

use crate::config::Env;

/// `PUBLIC_URL`: the beginning of all links, a URL without a slash at its end. It has only ASCII characters and no spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads `PUBLIC_URL` (default `http://localhost:3000`).
    pub fn from_env(env: &mut Env) -> Self {
        let default = Self("http://localhost:3000".to_owned());
        env.parse("PUBLIC_URL", default, "a URL such as https://board.example.org")
    }

    /// The URL of a page. The path begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether people reach the gateway through TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Scheme, host and port, as in the header `Origin`.
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |end| end + 3);
        self.0[host..].find('/').map_or(&*self.0, |path| &self.0[..host + path])
    }
}

impl FromStr for PublicUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url = Url::parse(text).map_err(drop)?;
        let has_only_a_path = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        match url.scheme() {
            "http" | "https" if has_only_a_path => Ok(Self(url.as_str().trim_end_matches('/').to_owned())),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_a_host_and_perhaps_a_path() {
        let link = |url: &str| url.parse::<PublicUrl>().map(|url| url.link("/events"));
        assert_eq!(link("https://Board.example.org"), Ok("https://board.example.org/events".to_owned()));
        assert_eq!(
            link("http://localhost:3000/b\u{fc}ro//"),
            Ok("http://localhost:3000/b%C3%BCro/events".to_owned())
        );
        for other in
            ["", "/", "localhost", "ftp://a", "https://", "https://u@a", "https://a?b", "https://a#b"]
        {
            assert_eq!(link(other), Err(()), "{other}");
        }
    }

    #[test]
    fn the_origin_has_no_path() {
        let origin = |url: &str| url.parse::<PublicUrl>().map(|url| url.origin().to_owned());
        assert_eq!(origin("https://b.example:8443/events"), Ok("https://b.example:8443".to_owned()));
        assert_eq!(origin("http://localhost:3000"), Ok("http://localhost:3000".to_owned()));
    }
}
