//! Short names of contents: the same content has the same name.

use std::fmt::Debug;

use sha2::{Digest, Sha256};

/// The first bytes of the SHA-256 of a content, in hexadecimal digits.
pub(crate) fn digest(content: impl AsRef<[u8]>, bytes: usize) -> String {
    let hash = Sha256::digest(content);
    hash.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// The entity tag of a page that shows this. It identifies the page for one viewer, and lasts until the next release.
pub(crate) fn entity_tag(shown: &impl Debug) -> String {
    format!("\"{}\"", digest(format!("{shown:?}"), 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_quoted_and_differs_with_what_is_shown() {
        let tag = entity_tag(&("a", 1));
        assert!(tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        assert_eq!(tag, entity_tag(&("a", 1)));
        assert_ne!(tag, entity_tag(&("a", 2)));
    }
}
