//! Access tokens: HS256 JWTs that every service verifies for itself.

use std::{collections::HashSet, str::FromStr, sync::Arc, time::Duration};

pub use eventboard_domain::Identity;
use eventboard_domain::Role;
use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::{AppEnv, Env};

/// The secret of a development installation, refused in production.
const DEVELOPMENT_SECRET: &str = "eventboard-development-secret-change-me";

/// Beginnings of secrets that stand in files of this project and are therefore known to everybody.
const KNOWN_SECRETS: &[&str] =
    &["eventboard-development", "eventboard-demonstration", "change-me", "changeme", "your-"];

/// HMAC-SHA256 keys shorter than the hash weaken it (RFC 7518, section 3.2); bytes.
const MIN_SECRET_BYTES: usize = 32;

/// How tokens are signed and checked.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// `JWT_SECRET` (or `JWT_SECRET_FILE`): signs and verifies.
    pub secret: SecretString,
    /// `JWT_SECRET_PREVIOUS` (or `JWT_SECRET_PREVIOUS_FILE`): still verifies while a secret is being
    /// rotated.
    pub previous: Option<SecretString>,
    /// `JWT_ISSUER`, default `eventboard`.
    pub issuer: String,
    /// `JWT_AUDIENCE`, default `eventboard-api`.
    pub audience: String,
}

impl TokenConfig {
    /// Reads the `JWT_*` variables. In production the secret must be set, unknown to the public, and
    /// at least 32 bytes long.
    pub fn from_env(env: &mut Env) -> Self {
        let app_env = AppEnv::from_env(env);
        let secret = env.secret("JWT_SECRET");
        let previous = env.secret("JWT_SECRET_PREVIOUS");
        if app_env == AppEnv::Production {
            refuse_weak(env, "JWT_SECRET", Some(secret.as_ref().map_or("", |secret| secret.expose_secret())));
            refuse_weak(env, "JWT_SECRET_PREVIOUS", previous.as_ref().map(|secret| secret.expose_secret()));
        }
        Self {
            secret: secret.unwrap_or_else(|| DEVELOPMENT_SECRET.into()),
            previous,
            issuer: env.text("JWT_ISSUER", "eventboard"),
            audience: env.text("JWT_AUDIENCE", "eventboard-api"),
        }
    }

    /// Whether the secret is one that everybody knows; a service warns of it at start.
    pub fn is_publicly_known(&self) -> bool {
        is_known(self.secret.expose_secret())
    }
}

fn refuse_weak(env: &mut Env, variable: &str, secret: Option<&str>) {
    let Some(secret) = secret else { return };
    if secret.len() < MIN_SECRET_BYTES {
        env.fault(variable, &format!("must have at least {MIN_SECRET_BYTES} bytes in production"));
    } else if is_known(secret) {
        env.fault(variable, "must not be a secret of the documentation in production");
    }
}

fn is_known(secret: &str) -> bool {
    KNOWN_SECRETS.iter().any(|known| secret.starts_with(known))
}

/// Clients send the same token over and over: for this long its signature is not computed again, which costs as much as all
/// else that a service does for a read. Whether it has expired is looked at each time.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Tokens that are remembered at once; one takes some 700 bytes.
const REMEMBERED_TOKENS: u64 = 2_000;

/// What is read of a token that has been verified.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallerClaims {
    sub: Uuid,
    role: String,
    organization_id: Uuid,
    exp: u64,
}

/// What a token says (RFC 7519).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    sub: Uuid,
    email: String,
    role: String,
    organization_id: Uuid,
    iat: u64,
    exp: u64,
    iss: String,
    aud: String,
}

/// A verified token: who it speaks for, and its text, to be forwarded.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    /// Who it speaks for.
    pub identity: Identity,
    /// The `Authorization` header as it came.
    pub authorization: http::HeaderValue,
}

/// Checks signature, expiry, issuer and audience of tokens.
#[derive(Clone)]
pub struct TokenVerifier(Arc<VerifierParts>);

struct VerifierParts {
    keys: Vec<DecodingKey>,
    validation: Validation,
    /// Tokens that were verified lately, by their whole text: a token that differs in anything is another one.
    verified: Cache<Box<str>, Verified>,
}

/// What was read of a verified token.
#[derive(Clone)]
struct Verified {
    identity: Identity,
    /// Seconds since 1970.
    expires_at: u64,
}

impl TokenVerifier {
    /// A verifier for the current and the previous secret.
    pub fn new(config: &TokenConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The hosts that issue and verify are ours and keep time: an expired token is expired.
        validation.leeway = 0;
        validation.iss = Some(HashSet::from([config.issuer.clone()]));
        validation.aud = Some(HashSet::from([config.audience.clone()]));
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let secrets = [Some(&config.secret), config.previous.as_ref()];
        let keys = secrets
            .into_iter()
            .flatten()
            .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()));
        let verified = Cache::builder().max_capacity(REMEMBERED_TOKENS).time_to_live(REMEMBERED_FOR).build();
        Self(Arc::new(VerifierParts { keys: keys.collect(), validation, verified }))
    }

    /// The verified bearer token of the `Authorization` header, or `None` when there is none that is
    /// acceptable.
    pub fn verify(&self, headers: &HeaderMap) -> Option<VerifiedToken> {
        let authorization = headers.get(header::AUTHORIZATION)?;
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let identity = self.identity(token.trim())?;
        Some(VerifiedToken { identity, authorization: authorization.clone() })
    }

    fn identity(&self, token: &str) -> Option<Identity> {
        let known = self.0.verified.get(token);
        if let Some(known) = known.filter(|known| known.expires_at > jsonwebtoken::get_current_timestamp()) {
            return Some(known.identity);
        }
        let verified = self.decode(token)?;
        self.0.verified.insert(token.into(), verified.clone());
        Some(verified.identity)
    }

    fn decode(&self, token: &str) -> Option<Verified> {
        let VerifierParts { keys, validation, .. } = &*self.0;
        let claims = keys.iter().find_map(|key| decode::<CallerClaims>(token, key, validation).ok())?.claims;
        let role = Role::from_str(&claims.role).ok()?;
        let identity = Identity { user_id: claims.sub, organization_id: claims.organization_id, role };
        Some(Verified { identity, expires_at: claims.exp })
    }
}

/// Signs tokens.
#[derive(Clone)]
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: String,
    audience: String,
    /// Seconds.
    lifetime: u64,
}

impl TokenIssuer {
    /// An issuer whose tokens live for `lifetime`.
    pub fn new(config: &TokenConfig, lifetime: Duration) -> Self {
        Self {
            key: EncodingKey::from_secret(config.secret.expose_secret().as_bytes()),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            lifetime: lifetime.as_secs(),
        }
    }

    /// A token for the identity.
    ///
    /// # Errors
    /// When the signature cannot be made, which is a defect.
    pub fn issue(&self, identity: &Identity, email: &str) -> Result<String, jsonwebtoken::errors::Error> {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
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
    use http::HeaderValue;

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
    fn a_token_that_is_remembered_expires_all_the_same() {
        let (config, identity) = (config("one secret", None), identity());
        let (verifier, issuer) =
            (TokenVerifier::new(&config), TokenIssuer::new(&config, Duration::from_secs(1)));
        let headers = bearer(&issuer.issue(&identity, "a@b.cd").expect("a token"));
        assert!(verifier.verify(&headers).is_some() && verifier.verify(&headers).is_some());
        std::thread::sleep(Duration::from_millis(2100));
        assert!(verifier.verify(&headers).is_none());
    }

    #[test]
    fn a_token_that_differs_in_one_character_from_a_remembered_one_is_refused() {
        let (config, identity) = (config("one secret", None), identity());
        let (verifier, token) = (TokenVerifier::new(&config), issue(&config, &identity));
        assert!(verifier.verify(&bearer(&token)).is_some());
        for position in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("UTF-8");
            assert!(verifier.verify(&bearer(&forged)).is_none(), "{position}");
        }
        verifier.0.verified.run_pending_tasks();
        assert_eq!(verifier.0.verified.entry_count(), 1, "what was refused is not remembered");
    }

    #[test]
    fn a_token_of_the_previous_secret_is_verified_while_rotating() {
        let (old, identity) = (config("old secret", None), identity());
        let headers = bearer(&issue(&old, &identity));
        assert!(TokenVerifier::new(&config("new secret", Some("old secret"))).verify(&headers).is_some());
        assert!(TokenVerifier::new(&config("new secret", None)).verify(&headers).is_none());
    }

    #[test]
    fn forged_expired_foreign_and_unsigned_tokens_are_refused() {
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
    fn production_refuses_default_and_short_secrets() {
        let refused = |secret: Option<&str>| {
            let mut variables = vec![("APP_ENV".to_owned(), "production".to_owned())];
            variables.extend(secret.map(|secret| ("JWT_SECRET".to_owned(), secret.to_owned())));
            crate::config::read(Env::from_iter(variables), TokenConfig::from_env).is_err()
        };
        assert!(refused(None));
        assert!(refused(Some("short")));
        assert!(refused(Some(DEVELOPMENT_SECRET)));
        assert!(!refused(Some("Vq3#x8!mZp0$Lr7^Tn2&Wk5*Yb9(Hd4)")));
    }
}
