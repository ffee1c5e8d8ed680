//! Creates valid and invalid tokens.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
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

/// A token with the same claims, the algorithm `none` and no signature.
pub(crate) fn unsigned(token: &str) -> String {
    format!("{NO_ALGORITHM}.{}.", token.split('.').nth(1).unwrap())
}

/// Invalid tokens for this actor, each with the reason why it is invalid.
pub(crate) fn invalid_tokens(actor: &Actor) -> Vec<(&'static str, String)> {
    let hs256 = |other: Value| signed(&claims(actor, &other), Algorithm::HS256, DEVELOPMENT_SECRET);
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
        ("another issuer", hs256(json!({ "iss": "somebody else" }))),
        ("another audience", hs256(json!({ "aud": "something else" }))),
        ("an unknown role", hs256(json!({ "role": "EMPEROR" }))),
        ("no subject", hs256(json!({ "sub": null }))),
        ("garbage", "garbage".to_owned()),
    ]
}
