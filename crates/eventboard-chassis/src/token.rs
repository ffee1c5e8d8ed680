//! Access tokens: HS256 JWTs that every service verifies itself.

use std::{collections::HashSet, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

pub use eventboard_domain::Identity;
use eventboard_domain::Role;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    client_address::AddressVerifier,
    config::{AppEnv, Env},
};

/// The default secret, which is rejected in production.
const DEVELOPMENT_SECRET: &str = "eventboard-development-secret-change-me";

/// Prefixes of the secrets that appear in files of this repository and are therefore publicly known.
const KNOWN_SECRET_PREFIXES: &[&str] =
    &["eventboard-development", "eventboard-demonstration", "change-me", "changeme", "your-"];

/// An HMAC-SHA256 key must be at least as long as the hash (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// How tokens are signed and verified.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// `JWT_SECRET` (or `JWT_SECRET_FILE`): signs and verifies tokens.
    pub secret: SecretString,
    /// `JWT_SECRET_PREVIOUS` (or `JWT_SECRET_PREVIOUS_FILE`): only verifies tokens, during a rotation of the secret.
    pub previous: Option<SecretString>,
    /// `JWT_ISSUER`, default `eventboard`.
    pub issuer: String,
    /// `JWT_AUDIENCE`, default `eventboard-api`.
    pub audience: String,
}

impl TokenConfig {
    /// Reads the `JWT_*` variables. In production the secret must be set, not publicly known, and at least 32 bytes
    /// long.
    pub fn from_env(env: &mut Env) -> Self {
        let app_env = AppEnv::from_env(env);
        let secret = env.secret("JWT_SECRET");
        let previous = env.secret("JWT_SECRET_PREVIOUS");
        if app_env == AppEnv::Production {
            reject_weak(env, "JWT_SECRET", Some(secret.as_ref().map_or("", |secret| secret.expose_secret())));
            reject_weak(env, "JWT_SECRET_PREVIOUS", previous.as_ref().map(|secret| secret.expose_secret()));
        }
        Self {
            secret: secret.unwrap_or_else(|| DEVELOPMENT_SECRET.into()),
            previous,
            issuer: env.text("JWT_ISSUER", "eventboard"),
            audience: env.text("JWT_AUDIENCE", "eventboard-api"),
        }
    }

    /// Whether the secret is publicly known. Services then log a warning at startup.
    pub fn is_publicly_known(&self) -> bool {
        is_known(self.secret.expose_secret())
    }
}

fn reject_weak(env: &mut Env, variable: &str, secret: Option<&str>) {
    let Some(secret) = secret else { return };
    if secret.len() < MIN_SECRET_BYTES {
        env.report_invalid(variable, &format!("must have at least {MIN_SECRET_BYTES} bytes in production"));
    } else if is_known(secret) {
        env.report_invalid(variable, "must not be a secret from the documentation in production");
    }
}

fn is_known(secret: &str) -> bool {
    KNOWN_SECRET_PREFIXES.iter().any(|prefix| secret.starts_with(prefix))
}

/// How long a verified token is cached. Clients send the same token repeatedly, and verifying its signature costs as
/// much as everything else that a service does for a read. The expiry is still checked on every request.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// The maximum number of cached tokens. Each takes some 1.2 kB.
const CACHE_CAPACITY: u64 = 2_000;

/// Longer tokens are not verified, in bytes. Issued tokens have some 400 bytes, and less than 1 KiB even with the longest
/// e-mail address. The gateway sends the token to the services, which accept 16 KiB for all headers together.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// The claims that are read from a verified token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallerClaims {
    sub: Uuid,
    role: String,
    organization_id: Uuid,
    exp: u64,
}

/// The claims of an issued token (RFC 7519).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IssuedClaims {
    sub: Uuid,
    email: String,
    role: String,
    organization_id: Uuid,
    iat: u64,
    exp: u64,
    iss: String,
    aud: String,
}

/// A verified token.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    /// The user in the token.
    pub identity: Identity,
    /// The `Authorization` header for calls to other services. It consists of `Bearer` and the verified token, and
    /// contains nothing else that the client sent.
    pub authorization: HeaderValue,
}

/// Verifies the signature, expiry, issuer and audience of tokens.
#[derive(Clone)]
pub struct TokenVerifier(Arc<VerifierParts>);

struct VerifierParts {
    keys: Vec<DecodingKey>,
    addresses: AddressVerifier,
    validation: Validation,
    /// Recently verified tokens. The key is the whole token, so a modified token is not found in the cache.
    cache: Cache<Box<str>, CachedToken>,
}

#[derive(Clone)]
struct CachedToken {
    token: VerifiedToken,
    /// Seconds since 1970.
    expires_at: u64,
}

impl TokenVerifier {
    /// Creates a verifier for the current and the previous secret.
    pub fn new(config: &TokenConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // No leeway, because the hosts that issue and verify tokens have synchronized clocks.
        validation.leeway = 0;
        validation.iss = Some(HashSet::from([config.issuer.clone()]));
        validation.aud = Some(HashSet::from([config.audience.clone()]));
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let secrets = [Some(&config.secret), config.previous.as_ref()];
        let keys = secrets
            .into_iter()
            .flatten()
            .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()));
        let keys: Vec<_> = keys.collect();
        let addresses = AddressVerifier::new(keys.clone());
        let cache = Cache::builder().max_capacity(CACHE_CAPACITY).time_to_live(CACHE_TTL).build();
        Self(Arc::new(VerifierParts { keys, addresses, validation, cache }))
    }

    /// Verifies the bearer token of the `Authorization` header. `None` when it is missing or invalid.
    pub fn verify(&self, headers: &HeaderMap) -> Option<VerifiedToken> {
        let token = bearer_token(headers)?;
        let has_not_expired =
            |cached: &CachedToken| cached.expires_at > jsonwebtoken::get_current_timestamp();
        if let Some(cached) = self.0.cache.get(token).filter(has_not_expired) {
            return Some(cached.token);
        }
        let verified = self.decode(token)?;
        self.0.cache.insert(token.into(), verified.clone());
        Some(verified.token)
    }

    /// The address block of the client, if a gateway has signed it with the same secret.
    pub(crate) fn verify_client_address(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.0.addresses.verify(headers)
    }

    fn decode(&self, token: &str) -> Option<CachedToken> {
        let VerifierParts { keys, validation, addresses: _, cache: _ } = &*self.0;
        let claims = keys.iter().find_map(|key| decode::<CallerClaims>(token, key, validation).ok())?.claims;
        let role = Role::from_str(&claims.role).ok()?;
        let identity = Identity { user_id: claims.sub, organization_id: claims.organization_id, role };
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        Some(CachedToken { token: VerifiedToken { identity, authorization }, expires_at: claims.exp })
    }
}

/// The token in the `Authorization` header, without the blanks around it. `None` when it is too long to be one of ours.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN_BYTES).then_some(token)
}

/// Issues signed tokens.
#[derive(Clone)]
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: String,
    audience: String,
    /// Seconds.
    lifetime: u64,
}

impl TokenIssuer {
    /// Creates an issuer whose tokens are valid for `lifetime`.
    pub fn new(config: &TokenConfig, lifetime: Duration) -> Self {
        Self {
            key: EncodingKey::from_secret(config.secret.expose_secret().as_bytes()),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            lifetime: lifetime.as_secs(),
        }
    }

    /// Issues a token for the identity.
    ///
    /// # Errors
    /// When signing fails, which is a defect.
    pub fn issue(&self, identity: &Identity, email: &str) -> Result<String, jsonwebtoken::errors::Error> {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = IssuedClaims {
            sub: identity.user_id,
            email: email.to_owned(),
            role: identity.role.to_string(),
            organization_id: identity.organization_id,
            iat: now,
            exp: now.saturating_add(self.lifetime),
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(secret: &str, previous: Option<&str>) -> TokenConfig {
        TokenConfig {
            secret: secret.into(),
            previous: previous.map(SecretString::from),
            issuer: "eventboard".into(),
            audience: "eventboard-api".into(),
        }
    }

    fn identity() -> Identity {
        Identity { user_id: Uuid::now_v7(), organization_id: Uuid::now_v7(), role: Role::Moderator }
    }

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header value");
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    fn issue(config: &TokenConfig, identity: &Identity) -> String {
        TokenIssuer::new(config, Duration::from_secs(60)).issue(identity, "a@b.cd").expect("a token")
    }

    #[test]
    fn an_issued_token_is_verified() {
        let (config, identity) = (config("one secret", None), identity());
        let verified = TokenVerifier::new(&config).verify(&bearer(&issue(&config, &identity)));
        assert_eq!(verified.expect("a good token").identity, identity);
    }

    #[test]
    fn blanks_around_a_token_are_not_forwarded() {
        let (config, identity) = (config("one secret", None), identity());
        let (verifier, token) = (TokenVerifier::new(&config), issue(&config, &identity));
        let blanks = [" ", "\t", " \t "].map(|blank| blank.repeat(30_000));
        for padded in
            blanks.into_iter().flat_map(|blanks| [format!("{blanks}{token}"), format!("{token}{blanks}")])
        {
            let verified = verifier.verify(&bearer(&padded)).expect("a good token");
            assert_eq!(verified.authorization, format!("Bearer {token}"));
        }
        let mut lower_case = HeaderMap::new();
        lower_case.insert(header::AUTHORIZATION, format!("bearer {token}").parse().expect("a header value"));
        let verified = verifier.verify(&lower_case).expect("a good token");
        assert_eq!(verified.authorization, format!("Bearer {token}"));
    }

    #[test]
    fn a_token_beyond_the_length_limit_is_rejected_even_if_it_is_signed() {
        let config = config("one secret", None);
        let token = |email_bytes| {
            let issuer = TokenIssuer::new(&config, Duration::from_secs(60));
            issuer.issue(&identity(), &"x".repeat(email_bytes)).expect("a token")
        };
        let verifier = TokenVerifier::new(&config);
        // The longest e-mail address has 254 characters of up to 4 bytes.
        assert!(token(4 * 254).len() < MAX_TOKEN_BYTES / 2);
        assert!(verifier.verify(&bearer(&token(4 * 254))).is_some());
        assert!(verifier.verify(&bearer(&token(MAX_TOKEN_BYTES))).is_none());
    }

    #[test]
    fn a_cached_token_still_expires() {
        let (config, identity) = (config("one secret", None), identity());
        let (verifier, issuer) =
            (TokenVerifier::new(&config), TokenIssuer::new(&config, Duration::from_secs(1)));
        let headers = bearer(&issuer.issue(&identity, "a@b.cd").expect("a token"));
        assert!(verifier.verify(&headers).is_some() && verifier.verify(&headers).is_some());
        std::thread::sleep(Duration::from_millis(2100));
        assert!(verifier.verify(&headers).is_none());
    }

    #[test]
    fn a_token_that_differs_from_a_cached_one_in_one_character_is_rejected() {
        let (config, identity) = (config("one secret", None), identity());
        let (verifier, token) = (TokenVerifier::new(&config), issue(&config, &identity));
        assert!(verifier.verify(&bearer(&token)).is_some());
        for position in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("UTF-8");
            assert!(verifier.verify(&bearer(&forged)).is_none(), "{position}");
        }
        verifier.0.cache.run_pending_tasks();
        assert_eq!(verifier.0.cache.entry_count(), 1, "rejected tokens are not cached");
    }

    #[test]
    fn a_token_of_the_previous_secret_is_accepted_during_a_rotation() {
        let (old, identity) = (config("old secret", None), identity());
        let headers = bearer(&issue(&old, &identity));
        assert!(TokenVerifier::new(&config("new secret", Some("old secret"))).verify(&headers).is_some());
        assert!(TokenVerifier::new(&config("new secret", None)).verify(&headers).is_none());
    }

    #[test]
    fn forged_expired_foreign_and_unsigned_tokens_are_rejected() {
        let (good, identity) = (config("one secret", None), identity());
        let verifier = TokenVerifier::new(&good);
        let token = issue(&good, &identity);
        let mut forged = token.clone().into_bytes();
        let middle = forged.len() / 2;
        forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
        let expired = TokenIssuer { lifetime: 0, ..TokenIssuer::new(&good, Duration::ZERO) };
        let expired = expired.issue(&identity, "a@b.cd").expect("a token");
        let foreign = issue(&TokenConfig { audience: "elsewhere".into(), ..good }, &identity);
        // {"alg":"none","typ":"JWT"}
        let payload = token.split('.').nth(1).expect("three parts");
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        std::thread::sleep(Duration::from_millis(1100));
        for bad in [
            String::from_utf8(forged).expect("UTF-8"),
            expired,
            foreign,
            unsigned,
            String::new(),
            "x.y.z".into(),
        ] {
            assert!(verifier.verify(&bearer(&bad)).is_none(), "{bad}");
        }
        assert!(verifier.verify(&HeaderMap::new()).is_none());
    }

    #[test]
    fn production_rejects_default_and_short_secrets() {
        let is_rejected = |secret: Option<&str>| {
            let mut variables = vec![("APP_ENV".to_owned(), "production".to_owned())];
            variables.extend(secret.map(|secret| ("JWT_SECRET".to_owned(), secret.to_owned())));
            crate::config::read(Env::from_iter(variables), TokenConfig::from_env).is_err()
        };
        assert!(is_rejected(None));
        assert!(is_rejected(Some("short")));
        assert!(is_rejected(Some(DEVELOPMENT_SECRET)));
        assert!(!is_rejected(Some("Vq3#x8!mZp0$Lr7^Tn2&Wk5*Yb9(Hd4)")));
    }
}
