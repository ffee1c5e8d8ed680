//! The files that pages load: the style sheet, the scripts and the icons. All are embedded in the binary.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};

use crate::{PATH, digest::digest};

const STYLE: &str = include_str!("../assets/board.css");
const SCRIPT: &str = include_str!("../assets/board.js");
const HTMX: &str = include_str!("../assets/htmx.min.js");
const ICONS: &str = include_str!("../assets/icons.svg");

/// The files, by the names of their paths.
static FILES: LazyLock<HashMap<&'static str, &'static Asset>> =
    LazyLock::new(|| ASSETS.all().into_iter().map(|asset| (asset.file_name(), asset)).collect());

/// The files. Pages write their paths.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new("board", "css", "text/css; charset=utf-8", STYLE),
    script: Asset::new("board", "js", "text/javascript; charset=utf-8", SCRIPT),
    htmx: Asset::new("htmx", "js", "text/javascript; charset=utf-8", HTMX),
});

/// The icons, by the names of their symbols.
static ICONS_BY_NAME: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let symbols = ICONS.split("<symbol id=\"").skip(1).filter_map(|symbol| {
        let (name, rest) = symbol.split_once('"')?;
        let (_, rest) = rest.split_once('>')?;
        let (shapes, _) = rest.split_once("</symbol>")?;
        let svg = format!(r#"<svg class="icon" aria-hidden="true" viewBox="0 0 24 24">{shapes}</svg>"#);
        Some((name, svg))
    });
    symbols.collect()
});

/// The files of the board.
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) htmx: Asset,
}

/// A file. Its path contains a hash of its content, so that browsers keep it for ever.
pub(crate) struct Asset {
    /// The path of the file.
    pub(crate) path: String,
    media_type: &'static str,
    content: &'static str,
}

impl Assets {
    fn all(&'static self) -> [&'static Asset; 3] {
        let Self { style, script, htmx } = self;
        [style, script, htmx]
    }
}

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let hash = digest(content, 8);
        Self { path: format!("{PATH}/assets/{name}.{hash}.{extension}"), media_type, content }
    }

    fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The icon with this name in `assets/icons.svg`, for templates. Nothing without such an icon; a test finds such names.
pub(crate) fn icon(name: &str) -> &'static str {
    ICONS_BY_NAME.get(name).map_or("", String::as_str)
}

/// The routes of the files.
pub(crate) fn routes() -> Router {
    Router::new().route("/board/assets/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    let Some(asset) = FILES.get(name.as_str()) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use std::{fs, path};

    use super::*;

    /// The templates below a folder.
    fn templates(folder: &path::Path) -> String {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let texts = entries.map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => templates(&path),
            Some("html" | "rs") => fs::read_to_string(&path).expect("a text"),
            _ => String::new(),
        });
        texts.collect()
    }

    #[test]
    fn every_icon_exists_and_is_used() {
        let source = templates(&path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let named: Vec<_> =
            source.split("icon(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for name in &named {
            assert!(!icon(name).is_empty(), "there is no icon {name}");
        }
        for name in ICONS_BY_NAME.keys() {
            assert!(source.contains(&format!("\"{name}\"")), "nothing uses the icon {name}");
        }
    }

    #[tokio::test]
    async fn a_file_is_cached_for_ever() {
        let response = file(Path(ASSETS.style.file_name().to_owned())).await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(file(Path("board.css".to_owned())).await.status(), StatusCode::NOT_FOUND);
    }
}
