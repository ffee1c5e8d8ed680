//! Sessions of browsers: the secret in the cookie is exchanged for an access token, which never leaves this process.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use eventboard_chassis::{error::ServiceError, server::Requester};
use eventboard_client::Clients;
use eventboard_proto::auth::UseBrowserSessionRequest;
use http::HeaderValue;
use moka::{future, sync};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    calls::{Calls, auth_reply},
    viewer::Viewer,
};

/// How long an exchange is used. It may have been on its way for five seconds, so that a page of a session that has ended elsewhere is
/// shown for 30 seconds at most. Writes are refused at once.
const EXCHANGE_TTL: Duration = Duration::from_secs(25);

/// How long this process remembers whose session it is, to count requests for their user.
const KNOWN_MEMBER_TTL: Duration = Duration::from_secs(30 * 60);

/// The maximum number of remembered sessions. An entry takes about a kilobyte.
const CAPACITY: u64 = 10_000;

/// The length of the secret in bytes.
const SECRET_LENGTH: usize = 32;

/// The secret in the cookie. Whoever has it is signed in.
#[derive(Clone)]
pub(crate) struct SessionSecret(SecretString);

/// The hash of a secret, so that the caches hold no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SecretHash([u8; 32]);

/// A session of a browser.
pub(crate) struct BrowserSession {
    /// Who is signed in.
    pub(crate) viewer: Viewer,
    /// `Bearer` and the access token.
    pub(crate) authorization: HeaderValue,
}

/// Whose session it is.
#[derive(Clone, Copy)]
pub(crate) struct KnownMember {
    organization_id: Uuid,
    user_id: Uuid,
}

/// The sessions that this process has seen.
pub(crate) struct Sessions {
    clients: Clients,
    exchanged: future::Cache<SecretHash, Arc<BrowserSession>>,
    known_members: sync::Cache<SecretHash, KnownMember>,
}

impl SessionSecret {
    /// `None` if the text is not a secret of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == SECRET_LENGTH).then(|| Self(text.into()))
    }

    fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.expose_secret()).into())
    }
}

impl KnownMember {
    /// The member as the sender of a request.
    pub(crate) fn requester(self, address_block: IpAddr) -> Requester {
        let Self { organization_id, user_id } = self;
        Requester::Member { organization_id, user_id, address_block: Some(address_block) }
    }
}

impl Sessions {
    /// Creates the caches. Sessions are exchanged through `clients`.
    pub(crate) fn new(clients: Clients) -> Self {
        let exchanged = future::Cache::builder().max_capacity(CAPACITY).time_to_live(EXCHANGE_TTL).build();
        let known_members =
            sync::Cache::builder().max_capacity(CAPACITY).time_to_idle(KNOWN_MEMBER_TTL).build();
        Self { clients, exchanged, known_members }
    }

    /// Whose session it is, if this process has seen it.
    pub(crate) fn known_member(&self, secret: &SessionSecret) -> Option<KnownMember> {
        self.known_members.get(&secret.hash())
    }

    /// Exchanges the secret. Concurrent requests of a session share a call.
    ///
    /// # Errors
    /// `Unauthenticated` if the session has ended. Otherwise the error of the call.
    pub(crate) async fn exchange(
        &self,
        secret: &SessionSecret,
        calls: &Calls,
    ) -> Result<Arc<BrowserSession>, ServiceError> {
        let hash = secret.hash();
        if let Some(session) = self.exchanged.get(&hash).await {
            return Ok(session);
        }
        loop {
            let mut failure = None;
            let call = async { self.call(secret, calls).await.map_err(|error| failure = Some(error)) };
            let result = self.exchanged.try_get_with(hash, call).await;
            match (result, failure) {
                (Ok(session), _) => {
                    let Viewer { id: user_id, organization_id, .. } = session.viewer;
                    self.known_members.insert(hash, KnownMember { organization_id, user_id });
                    return Ok(session);
                }
                (Err(_), Some(error)) => {
                    self.known_members.invalidate(&hash);
                    return Err(error);
                }
                // The call of another request failed, perhaps at its deadline. This request may have more time left.
                (Err(_), None) => {}
            }
        }
    }

    /// The session, if it was exchanged shortly before.
    pub(crate) async fn exchanged(&self, secret: &SessionSecret) -> Option<Arc<BrowserSession>> {
        self.exchanged.get(&secret.hash()).await
    }

    /// Forgets a session, because it has ended, or because its user has changed.
    pub(crate) async fn forget(&self, secret: &SessionSecret) {
        self.exchanged.invalidate(&secret.hash()).await;
    }

    async fn call(&self, secret: &SessionSecret, calls: &Calls) -> Result<Arc<BrowserSession>, ServiceError> {
        let message = UseBrowserSessionRequest { browser_secret: secret.0.expose_secret().to_owned() };
        let reply = auth_reply(self.clients.auth().use_browser_session(calls.request(message)).await)?;
        let authorization = format!("Bearer {}", reply.access_token);
        let mut authorization = HeaderValue::try_from(authorization).map_err(ServiceError::internal)?;
        authorization.set_sensitive(true);
        Ok(Arc::new(BrowserSession { viewer: Viewer::try_from(reply)?, authorization }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_256_bits_are_a_secret() {
        let secret = |length: usize| SessionSecret::parse(&BASE64_URL_SAFE_NO_PAD.encode(vec![7; length]));
        assert!(secret(32).is_some());
        for length in [0, 31, 33, 1_000] {
            assert!(secret(length).is_none(), "{length}");
        }
        assert!(SessionSecret::parse("\u{e9}").is_none());
    }
}
