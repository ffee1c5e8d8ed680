//! Access tokens: HS256 JWTs that every service verifies itself.

mod claims;

use std::{collections::HashSet, str::FromStr, sync::Arc, time::Duration};

use eventboard_domain::Role;
pub use eventboard_domain::{Identity, TokenSession};
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use self::claims::{CallerClaims, NumericDate, is_header_understood};
use crate::{
    client_address::{ClientVerifier, VerifiedClient},
    config::{self, AppEnv, Env},
};

/// The default secret, which is accepted only where no other machine can reach the service.
const DEVELOPMENT_SECRET: &str = "eventboard-development-secret-change-me";

/// Parts of the secrets that appear in files of this repository and are therefore publicly known.
const KNOWN_SECRET_PARTS: &[&str] =
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
    /// Reads the `JWT_*` variables. In production, and where other machines can reach the service, the secrets must be
    /// secrets of the operator's own.
    pub fn from_env(env: &mut Env) -> Self {
        let secret = env.secret("JWT_SECRET").unwrap_or_else(|| DEVELOPMENT_SECRET.into());
        let previous = env.secret("JWT_SECRET_PREVIOUS");
        if let Some(reason) = reason_for_own_secret(env) {
            let secrets = [("JWT_SECRET", Some(&secret)), ("JWT_SECRET_PREVIOUS", previous.as_ref())];
            for (variable, secret) in secrets {
                if secret.is_some_and(|secret| !is_own(secret.expose_secret())) {
                    env.report_invalid(variable, &format!("must be a secret of your own {reason}"));
                }
            }
        }
        Self {
            secret,
            previous,
            issuer: env.text("JWT_ISSUER", "eventboard"),
            audience: env.text("JWT_AUDIENCE", "eventboard-api"),
        }
    }

    /// The current secret, and the previous one while it is rotated.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        [Some(&self.secret), self.previous.as_ref()].into_iter().flatten()
    }

    /// Whether the secret is publicly known. Services then log a warning at startup.
    pub fn is_publicly_known(&self) -> bool {
        is_known(self.secret.expose_secret())
    }
}

/// Why the secrets must be the operator's own, and what to do, as the end of an error message. `None` where any secret
/// is accepted: in development on a loopback address, or with `ALLOW_INSECURE_JWT_SECRET` (default false).
fn reason_for_own_secret(env: &mut Env) -> Option<String> {
    let how = format!("with at least {MIN_SECRET_BYTES} bytes (`openssl rand -base64 48`)");
    let host = config::host(env);
    let is_insecure_allowed = env.flag("ALLOW_INSECURE_JWT_SECRET", false);
    if AppEnv::from_env(env) == AppEnv::Production {
        return Some(format!("{how} in production"));
    }
    // An IPv4 address may be written as IPv6, as ::ffff:127.0.0.1.
    let is_reachable = !host.to_canonical().is_loopback();
    (is_reachable && !is_insecure_allowed).then(|| {
        format!(
            "{how}, because other machines can reach the address in HOST ({host}); or set HOST=127.0.0.1, or, for a \
             demo, ALLOW_INSECURE_JWT_SECRET=true"
        )
    })
}

/// Whether only the operator can know the secret.
fn is_own(secret: &str) -> bool {
    secret.trim().len() >= MIN_SECRET_BYTES && !is_known(secret)
}

fn is_known(secret: &str) -> bool {
    let secret = secret.to_ascii_lowercase();
    KNOWN_SECRET_PARTS.iter().any(|part| secret.contains(part))
}

/// How long a verified token is cached. Clients send the same token repeatedly, and verifying its signature costs as
/// much as everything else that a service does for a read. The expiry is still checked on every request.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// The maximum number of cached tokens. Each takes some 1.2 kB.
const CACHE_CAPACITY: u64 = 2_000;

/// Longer tokens are not verified, in bytes. Issued tokens have some 400 bytes, and less than 1 KiB even with the longest
/// e-mail address. The gateway sends the token to the services, which accept 16 KiB for all headers together.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

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
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// The generation of the session.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<i32>,
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

/// Verifies the signature, time, issuer, audience and header of tokens.
#[derive(Clone)]
pub struct TokenVerifier(Arc<VerifierParts>);

struct VerifierParts {
    keys: Vec<DecodingKey>,
    clients: ClientVerifier,
    validation: Validation,
    issuer: String,
    /// Recently verified tokens. The key is the whole token, so a modified token is not found in the cache.
    cache: Cache<Box<str>, CachedToken>,
}

#[derive(Clone)]
struct CachedToken {
    token: VerifiedToken,
    expires_at: NumericDate,
}

impl TokenVerifier {
    /// Creates a verifier for the current and the previous secret.
    pub fn new(config: &TokenConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.aud = Some(HashSet::from([config.audience.clone()]));
        validation.set_required_spec_claims(&["aud"]);
        // The module `claims` checks the times and the issuer: jsonwebtoken accepts a token at the instant when it
        // expires, and a list of issuers.
        validation.validate_exp = false;
        let key = |secret: &SecretString| DecodingKey::from_secret(secret.expose_secret().as_bytes());
        let keys = config.secrets().map(key).collect();
        let clients = ClientVerifier::new(config.secrets());
        let cache = Cache::builder().max_capacity(CACHE_CAPACITY).time_to_live(CACHE_TTL).build();
        let issuer = config.issuer.clone();
        Self(Arc::new(VerifierParts { keys, clients, validation, issuer, cache }))
    }

    /// Verifies the bearer token of the `Authorization` header. `None` when it is missing or invalid.
    pub fn verify(&self, headers: &HeaderMap) -> Option<VerifiedToken> {
        let token = bearer_token(headers)?;
        let has_not_expired = |cached: &CachedToken| NumericDate::now() < cached.expires_at;
        if let Some(cached) = self.0.cache.get(token).filter(has_not_expired) {
            return Some(cached.token);
        }
        let verified = self.decode(token)?;
        self.0.cache.insert(token.into(), verified.clone());
        Some(verified.token)
    }

    /// What a gateway says about its client, if it has signed it with the same secret.
    pub(crate) fn verify_client(&self, headers: &HeaderMap) -> Option<VerifiedClient> {
        self.0.clients.verify(headers)
    }

    fn decode(&self, token: &str) -> Option<CachedToken> {
        let VerifierParts { keys, validation, issuer, clients: _, cache: _ } = &*self.0;
        let claims = keys.iter().find_map(|key| decode::<CallerClaims>(token, key, validation).ok())?.claims;
        let is_valid = is_header_understood(token)
            && claims.is_issued_by(issuer)
            && claims.is_valid_at(NumericDate::now());
        if !is_valid {
            return None;
        }
        let identity = Identity {
            user_id: claims.sub,
            organization_id: claims.organization_id,
            role: Role::from_str(&claims.role).ok()?,
            session: claims.session()?,
        };
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        Some(CachedToken { token: VerifiedToken { identity, authorization }, expires_at: claims.exp })
    }
}

/// The token in the only `Authorization` header, without the blanks around it. `None` when it is too long to be one of
/// ours.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    // A proxy in front may have read another one (RFC 9110, section 5.3).
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
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

    /// How long its tokens are valid.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime)
    }

    /// Issues a token for the identity.
    ///
    /// # Errors
    /// When signing fails, which is a defect.
    pub fn issue(&self, identity: &Identity, email: &str) -> Result<String, jsonwebtoken::errors::Error> {
        let now = jsonwebtoken::get_current_timestamp();
        let Identity { user_id, organization_id, role, session } = identity;
        let (sid, generation) = match session {
            TokenSession::Session { id, generation } => (Some(*id), Some(*generation)),
            TokenSession::IssuedAt(_) => (None, None),
        };
        let claims = IssuedClaims {
            sub: *user_id,
            email: email.to_owned(),
            role: role.to_string(),
            organization_id: *organization_id,
            iat: now,
            exp: now.saturating_add(self.lifetime),
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sid,
            generation,
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
        Identity {
            user_id: Uuid::now_v7(),
            organization_id: Uuid::now_v7(),
            role: Role::Moderator,
            session: TokenSession::Session { id: Uuid::now_v7(), generation: 3 },
        }
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
    fn a_token_beside_another_authorization_is_rejected() {
        let config = config("one secret", None);
        let mut headers = bearer(&issue(&config, &identity()));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert!(TokenVerifier::new(&config).verify(&headers).is_none());
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

    const OWN_SECRET: &str = "Vq3#x8!mZp0$Lr7^Tn2&Wk5*Yb9(Hd4)";

    fn read(variables: &[(&str, &str)]) -> Result<TokenConfig, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        config::read(variables.collect(), TokenConfig::from_env).map_err(|error| error.to_string())
    }

    /// Secrets that are short, blank or published.
    const INSECURE_SECRETS: [&str; 7] = [
        "",
        "short",
        DEVELOPMENT_SECRET,
        "EventBoard-Development-Secret-Change-Me",
        "\"eventboard-development-secret-change-me\"",
        "eventboard-demonstration-secret-that-everybody-knows",
        "                                        ",
    ];

    #[test]
    fn an_insecure_secret_is_accepted_only_on_a_loopback_address() {
        for (host, is_loopback) in [
            ("", false),
            ("0.0.0.0", false),
            ("::", false),
            ("192.0.2.1", false),
            ("10.0.0.1", false),
            ("169.254.0.1", false),
            ("128.0.0.1", false),
            ("fe80::1", false),
            ("::ffff:0.0.0.0", false),
            ("::ffff:192.0.2.1", false),
            ("::2", false),
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("::1", true),
            ("0:0:0:0:0:0:0:1", true),
            ("::ffff:127.0.0.2", true),
        ] {
            for secret in INSECURE_SECRETS {
                let result = read(&[("HOST", host), ("JWT_SECRET", secret)]);
                assert_eq!(result.is_ok(), is_loopback, "HOST={host} JWT_SECRET={secret}");
                let message = result.err().unwrap_or_default();
                for part in ["JWT_SECRET must be", "HOST=127.0.0.1", "ALLOW_INSECURE_JWT_SECRET=true"] {
                    assert!(is_loopback || message.contains(part), "{message}");
                }
            }
            assert!(read(&[("HOST", host), ("JWT_SECRET", OWN_SECRET)]).is_ok(), "{host}");
        }
    }

    #[test]
    fn an_insecure_previous_secret_is_rejected_where_an_insecure_secret_is() {
        for secret in INSECURE_SECRETS.into_iter().filter(|secret| !secret.is_empty()) {
            let error = read(&[("JWT_SECRET", OWN_SECRET), ("JWT_SECRET_PREVIOUS", secret)]);
            let error = error.expect_err("HOST is 0.0.0.0");
            assert!(error.starts_with("configuration error: JWT_SECRET_PREVIOUS must be"), "{error}");
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn an_insecure_secret_can_be_allowed_in_development_only() {
        let allow = ("ALLOW_INSECURE_JWT_SECRET", "true");
        assert!(read(&[allow]).is_ok());
        assert!(read(&[allow, ("JWT_SECRET", "short")]).is_ok());
        assert!(read(&[("APP_ENV", "development")]).is_err());
        assert!(read(&[("ALLOW_INSECURE_JWT_SECRET", "false")]).is_err());
        assert!(read(&[allow, ("APP_ENV", "production")]).is_err());
    }

    #[test]
    fn production_rejects_insecure_secrets_on_every_address() {
        for host in ["127.0.0.1", "0.0.0.0"] {
            let production =
                |secret| read(&[("APP_ENV", "production"), ("HOST", host), ("JWT_SECRET", secret)]);
            for secret in INSECURE_SECRETS {
                assert!(production(secret).is_err(), "{secret}");
            }
            assert!(production(OWN_SECRET).is_ok());
        }
    }
}
