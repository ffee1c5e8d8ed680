//! Content that is the same in every response, and is therefore compressed only once.

use std::{fmt, io, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::coding::ContentCoding;

/// A file with its media type and its entity tag. Clients may store it, and revalidate it before each use, because its
/// path stays the same in the next release.
#[derive(Clone)]
pub(crate) struct StaticContent(Arc<Parts>);

struct Parts {
    media_type: HeaderValue,
    entity_tag: HeaderValue,
    bytes: Bytes,
    /// The encoded bytes, by the position of the coding in [`ContentCoding::ALL`].
    encoded: [OnceCell<Bytes>; ContentCoding::ALL.len()],
}

impl StaticContent {
    /// # Errors
    /// When the media type is not a header value.
    pub(crate) fn new(media_type: &str, bytes: Bytes) -> anyhow::Result<Self> {
        let hash = Sha256::digest(&bytes);
        // The first 64 bits.
        let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        let parts = Parts {
            media_type: media_type.parse()?,
            entity_tag: format!("\"{hash}\"").parse()?,
            bytes,
            encoded: Default::default(),
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Encodes the content with the first request for this coding. Further requests wait for it.
    pub(super) async fn encoded(&self, coding: ContentCoding) -> io::Result<Bytes> {
        let position = ContentCoding::ALL.iter().take_while(|other| **other != coding).count();
        if let Some(bytes) = self.0.encoded[position].get() {
            return Ok(bytes.clone());
        }
        // In a task of its own, so that it also completes if the client is gone.
        let parts = Arc::clone(&self.0);
        let encoding = tokio::spawn(async move {
            let bytes = parts.bytes.clone();
            let encode = || async move { spawn_blocking(move || coding.encode(&bytes)).await? };
            parts.encoded[position].get_or_try_init(encode).await.cloned()
        });
        encoding.await?
    }
}

impl fmt::Debug for StaticContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticContent").field(&self.0.entity_tag).finish()
    }
}

impl IntoResponse for StaticContent {
    fn into_response(self) -> Response {
        let Parts { media_type, entity_tag, bytes, encoded: _ } = &*self.0;
        let mut response = Response::new(Body::from(bytes.clone()));
        response.headers_mut().extend([
            (header::CONTENT_TYPE, media_type.clone()),
            (header::ETAG, entity_tag.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ]);
        response.extensions_mut().insert(self);
        response
    }
}
