//! Sessions of browsers: the secret in the cookie is exchanged for an access token, which never leaves this process.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use eventboard_chassis::{
    browser_secret::{BrowserSecret, BrowserSecretHash},
    error::{ErrorCode, ServiceError},
    server::Requester,
};
use eventboard_client::Clients;
use eventboard_proto::auth::UseBrowserSessionRequest;
use http::HeaderValue;
use moka::{Expiry, future, sync};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{
    calls::{Calls, auth_reply},
    viewer::Viewer,
};

/// How long an exchange is used at most. It may have been on its way for five seconds, so that a page of a session that has ended
/// elsewhere is shown for 30 seconds at most. Writes are refused at once.
const EXCHANGE_TTL: Duration = Duration::from_secs(25);

/// How long after an exchange this process counts requests for the user of the session. A secret that was revoked uses up their limit no
/// longer than that.
const KNOWN_MEMBER_TTL: Duration = Duration::from_secs(60);

/// The maximum number of remembered sessions. An entry takes about a kilobyte.
const CAPACITY: u64 = 10_000;

/// A session of a browser.
pub(crate) struct BrowserSession {
    /// Who is signed in.
    pub(crate) viewer: Viewer,
    /// `Bearer` and the access token.
    pub(crate) authorization: HeaderValue,
    /// How long the exchange is used: the access token must not expire on the way.
    lifetime: Duration,
}

/// Ends each exchange after its lifetime.
struct ExchangeExpiry;

impl Expiry<BrowserSecretHash, Arc<BrowserSession>> for ExchangeExpiry {
    fn expire_after_create(
        &self,
        _: &BrowserSecretHash,
        session: &Arc<BrowserSession>,
        _: Instant,
    ) -> Option<Duration> {
        Some(session.lifetime)
    }
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
    exchanged: future::Cache<BrowserSecretHash, Arc<BrowserSession>>,
    known_members: sync::Cache<BrowserSecretHash, KnownMember>,
}

impl KnownMember {
    fn of(viewer: &Viewer) -> Self {
        Self { organization_id: viewer.organization_id, user_id: viewer.id }
    }

    /// The member as the sender of a request.
    pub(crate) fn requester(self, address_block: IpAddr) -> Requester {
        let Self { organization_id, user_id } = self;
        Requester::Member { organization_id, user_id, address_block: Some(address_block) }
    }
}

impl Sessions {
    /// Creates the caches. Sessions are exchanged through `clients`.
    pub(crate) fn new(clients: Clients) -> Self {
        let exchanged = future::Cache::builder().max_capacity(CAPACITY).expire_after(ExchangeExpiry).build();
        let known_members =
            sync::Cache::builder().max_capacity(CAPACITY).time_to_live(KNOWN_MEMBER_TTL).build();
        Self { clients, exchanged, known_members }
    }

    /// Whose session it is, if this process has seen it.
    pub(crate) fn known_member(&self, secret: &BrowserSecret) -> Option<KnownMember> {
        self.known_members.get(&secret.hash())
    }

    /// Exchanges the secret. Concurrent requests of a session share a call.
    ///
    /// # Errors
    /// `Unauthenticated` if the session has ended. Otherwise the error of the call.
    pub(crate) async fn exchange(
        &self,
        secret: &BrowserSecret,
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
                    self.known_members.insert(hash, KnownMember::of(&session.viewer));
                    return Ok(session);
                }
                (Err(_), Some(error)) => {
                    if error.code() == ErrorCode::Unauthenticated {
                        self.known_members.invalidate(&hash);
                    }
                    return Err(error);
                }
                // The call of another request failed, perhaps at its deadline. This request may have more time left.
                (Err(_), None) => {}
            }
        }
    }

    /// The session, if it was exchanged shortly before.
    pub(crate) async fn exchanged(&self, secret: &BrowserSecret) -> Option<Arc<BrowserSession>> {
        self.exchanged.get(&secret.hash()).await
    }

    /// Forgets a session that has ended.
    pub(crate) async fn forget_ended(&self, secret: &BrowserSecret) {
        self.known_members.invalidate(&secret.hash());
        self.forget(secret).await;
    }

    /// Forgets what is known of a session, because its user has changed.
    pub(crate) async fn forget(&self, secret: &BrowserSecret) {
        self.exchanged.invalidate(&secret.hash()).await;
    }

    async fn call(&self, secret: &BrowserSecret, calls: &Calls) -> Result<Arc<BrowserSession>, ServiceError> {
        let message = UseBrowserSessionRequest { browser_secret: secret.encode().expose_secret().to_owned() };
        let reply = auth_reply(self.clients.auth().use_browser_session(calls.request(message)).await)?;
        let authorization = format!("Bearer {}", reply.access_token);
        let mut authorization = HeaderValue::try_from(authorization).map_err(ServiceError::internal)?;
        authorization.set_sensitive(true);
        let lifetime = EXCHANGE_TTL.min(Duration::from_secs(reply.expires_in.into()) / 2);
        Ok(Arc::new(BrowserSession { viewer: Viewer::try_from(reply)?, authorization, lifetime }))
    }
}
