//! Creates valid and invalid tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::Actor;

/// The default secret, which is used if none is configured.
pub(crate) const DEVELOPMENT_SECRET: &str = "eventboard-development-secret-change-me";

/// The encoded header `{"alg":"none","typ":"JWT"}`.
const NO_ALGORITHM: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// The claims in this actor's token. Claims in `other` override them.
pub(crate) fn claims(actor: &Actor, other: &Value) -> Value {
    let now = get_current_timestamp();
    let mut claims = json!({
        "sub": actor.user["id"],
        "email": actor.user["email"],
        "role": actor.user["role"],
        "organizationId": actor.user["organizationId"],
        "iat": now,
        "exp": now + 3600,
        "iss": "eventboard",
        "aud": "eventboard-api",
    });
    claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    claims
}

/// Signs a token with these claims.
pub(crate) fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// Signs a header and claims as they are.
fn signed_as_is(header: &str, claims: &Value) -> String {
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = EncodingKey::from_secret(DEVELOPMENT_SECRET.as_bytes());
    format!("{message}.{}", sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

/// A token with the same claims, the algorithm `none` and no signature.
pub(crate) fn unsigned(token: &str) -> String {
    format!("{NO_ALGORITHM}.{}.", token.split('.').nth(1).unwrap())
}

/// Invalid tokens for this actor, each with the reason why it is invalid.
pub(crate) fn invalid_tokens(actor: &Actor) -> Vec<(&'static str, String)> {
    let hs256 = |other: Value| signed(&claims(actor, &other), Algorithm::HS256, DEVELOPMENT_SECRET);
    let with_header = |header: &str| signed_as_is(header, &claims(actor, &json!({})));
    let (payload_end, signature) = actor.token.rsplit_once('.').unwrap();
    vec![
        (
            "another secret",
            signed(&claims(actor, &json!({})), Algorithm::HS256, "another secret, just as long as it"),
        ),
        ("another algorithm", signed(&claims(actor, &json!({})), Algorithm::HS512, DEVELOPMENT_SECRET)),
        ("alg none", unsigned(&actor.token)),
        ("no signature", format!("{payload_end}.")),
        ("a truncated signature", format!("{payload_end}.{}", &signature[..signature.len() - 4])),
        ("expired", hs256(json!({ "exp": get_current_timestamp() - 60 }))),
        ("not valid yet", hs256(json!({ "nbf": get_current_timestamp() + 600 }))),
        ("nbf that is no number", hs256(json!({ "nbf": "0" }))),
        ("a critical extension", with_header(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#)),
        ("no critical extension, but the list", with_header(r#"{"alg":"HS256","crit":[]}"#)),
        ("an unencoded payload", with_header(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#)),
        ("another kind of token", with_header(r#"{"alg":"HS256","typ":"logout+jwt"}"#)),
        ("a list of issuers", hs256(json!({ "iss": ["eventboard"] }))),
        ("another issuer", hs256(json!({ "iss": "somebody else" }))),
        ("another audience", hs256(json!({ "aud": "something else" }))),
        ("an unknown role", hs256(json!({ "role": "EMPEROR" }))),
        ("no subject", hs256(json!({ "sub": null }))),
        ("garbage", "garbage".to_owned()),
    ]
}
