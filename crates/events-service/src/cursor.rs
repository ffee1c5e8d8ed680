//! Cursors for keyset pagination. A cursor is opaque to clients, signed, and valid only for the list with the same scope: a text
//! that names its filters and its sort order.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use eventboard_chassis::token::TokenConfig;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;
use uuid::Uuid;

use crate::listing::RowPosition;

/// Separates the keys that sign cursors from the keys that sign tokens.
const KEY_PURPOSE: &[u8] = b"eventboard cursor v1";

/// The length of the truncated signature, in bytes.
const TAG_BYTES: usize = 16;

/// The length of an id, in bytes.
const ID_BYTES: usize = 16;

/// Signs and verifies cursors.
#[derive(Clone)]
pub(crate) struct CursorSigner {
    /// The current key, then the previous key, which is only used to verify while the secret is rotated.
    keys: Vec<Hmac<Sha256>>,
}

impl CursorSigner {
    /// Derives the keys from the token secrets, which all replicas share.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(crate) fn new(config: &TokenConfig) -> Self {
        let secrets = [Some(&config.secret), config.previous.as_ref()];
        let keys = secrets.into_iter().flatten().map(|secret| {
            let mut key =
                Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any length");
            key.update(KEY_PURPOSE);
            key
        });
        Self { keys: keys.collect() }
    }

    /// Creates the cursor for the rows after `position` in the list with this scope.
    pub(crate) fn sign(&self, position: &RowPosition, scope: &str) -> String {
        let payload = [position.id.as_bytes(), position.sort_key.as_bytes()].concat();
        let tag = self.keys.first().map(|key| mac(key, &payload, scope).finalize().into_bytes());
        let tag = tag.as_deref().unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&tag[..TAG_BYTES.min(tag.len())], &payload].concat())
    }

    /// Returns the position in a cursor, or `None` when the cursor was not signed for this list.
    pub(crate) fn verify(&self, cursor: &str, scope: &str) -> Option<RowPosition> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, payload) = bytes.split_at_checked(TAG_BYTES)?;
        let is_genuine =
            self.keys.iter().any(|key| mac(key, payload, scope).verify_truncated_left(tag).is_ok());
        let (id, sort_key) = payload.split_at_checked(ID_BYTES).filter(|_| is_genuine)?;
        Some(RowPosition {
            sort_key: String::from_utf8(sort_key.to_vec()).ok()?,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

fn mac(key: &Hmac<Sha256>, payload: &[u8], scope: &str) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(&(payload.len() as u64).to_be_bytes());
    mac.update(payload);
    mac.update(scope.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use eventboard_domain::{EventStatus, SortBy, Visibility};
    use proptest::prelude::*;

    use super::*;
    use crate::listing::ListCriteria;

    fn config(secret: &str, previous: Option<&str>) -> TokenConfig {
        TokenConfig {
            secret: secret.into(),
            previous: previous.map(Into::into),
            issuer: String::new(),
            audience: String::new(),
        }
    }

    fn signer() -> CursorSigner {
        CursorSigner::new(&config("secret", None))
    }

    fn criteria() -> ListCriteria {
        ListCriteria {
            organization_id: Uuid::from_u128(1),
            visibility: Visibility::Everything,
            sort_by: SortBy::Title,
            descending: false,
            status: None,
            search: Some("word".into()),
            start_date_from: None,
            start_date_to: None,
            end_date_from: None,
            owner: None,
        }
    }

    fn scope() -> String {
        criteria().cursor_scope()
    }

    #[test]
    fn a_cursor_is_bound_to_filters_and_sort_order() {
        let position = RowPosition { sort_key: "a title".into(), id: Uuid::from_u128(5) };
        let cursor = signer().sign(&position, &scope());
        for other in [
            ListCriteria { descending: true, ..criteria() },
            ListCriteria { sort_by: SortBy::Status, ..criteria() },
            ListCriteria { search: None, ..criteria() },
            ListCriteria { search: Some("words".into()), ..criteria() },
            ListCriteria { status: Some(EventStatus::Draft), ..criteria() },
            ListCriteria { organization_id: Uuid::from_u128(2), ..criteria() },
            ListCriteria { end_date_from: Some(DateTime::UNIX_EPOCH), ..criteria() },
            ListCriteria { owner: Some(Uuid::from_u128(2)), ..criteria() },
        ] {
            assert_eq!(signer().verify(&cursor, &other.cursor_scope()), None);
        }
        assert_eq!(signer().verify(&cursor, &scope()), Some(position));
    }

    #[test]
    fn a_cursor_is_valid_during_the_rotation_of_the_secret() {
        let position = RowPosition { sort_key: "x".into(), id: Uuid::from_u128(5) };
        let cursor = signer().sign(&position, &scope());
        let rotated = CursorSigner::new(&config("new", Some("secret")));
        assert_eq!(rotated.verify(&cursor, &scope()), Some(position));
        assert_eq!(CursorSigner::new(&config("new", None)).verify(&cursor, &scope()), None);
    }

    proptest! {
        #[test]
        fn every_position_round_trips_through_a_cursor(sort_key in "\\PC{0,200}", id in any::<u128>()) {
            let position = RowPosition { sort_key, id: Uuid::from_u128(id) };
            let cursor = signer().sign(&position, &scope());
            prop_assert_eq!(signer().verify(&cursor, &scope()), Some(position));
        }

        #[test]
        fn a_changed_cursor_is_rejected(sort_key in "[a-z]{1,20}", at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
            let cursor = signer().sign(&RowPosition { sort_key, id: Uuid::from_u128(5) }, &scope());
            let at = at.index(cursor.len());
            let forged = format!("{}{with}{}", &cursor[..at], &cursor[at + 1..]);
            prop_assume!(URL_SAFE_NO_PAD.decode(&forged) != URL_SAFE_NO_PAD.decode(&cursor));
            prop_assert_eq!(signer().verify(&forged, &scope()), None);
        }

        #[test]
        fn any_other_text_is_rejected_without_a_panic(text in "\\PC{0,100}") {
            prop_assert_eq!(signer().verify(&text, &scope()), None);
        }
    }
}
