//! What a verifier must check in a token besides its signature, its algorithm and its audience, which `jsonwebtoken`
//! checks (RFC 7515, RFC 7519, RFC 8725).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use uuid::Uuid;

use eventboard_domain::TokenSession;

/// The types of a token that is used as an access token, without `application/` (RFC 7519, section 5.1; RFC 9068,
/// section 2.1).
const ACCESS_TOKEN_TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// The header parameters that a verifier must not ignore. A duplicate of one of them is an error (RFC 7515, section
/// 4). Keys, and addresses of keys, are ignored, because only the configured secrets verify tokens (RFC 8725, section
/// 3.10).
#[derive(Deserialize)]
struct JoseHeader {
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    /// The content type. `JWT` means that the payload is another token.
    #[serde(default, deserialize_with = "present")]
    cty: Option<String>,
    /// The extensions that a verifier must understand.
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

/// The claims that are read from a verified token. A duplicate is an error (RFC 7519, section 4).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallerClaims {
    pub(super) sub: Uuid,
    pub(super) role: String,
    pub(super) organization_id: Uuid,
    /// `jsonwebtoken` would also accept a list.
    iss: String,
    pub(super) exp: NumericDate,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<NumericDate>,
    /// The session. Tokens of a release without sessions have none.
    #[serde(default, deserialize_with = "present")]
    sid: Option<Uuid>,
    /// The generation of the session.
    #[serde(default, rename = "gen", deserialize_with = "present")]
    generation: Option<i32>,
    #[expect(dead_code, reason = "only its type is checked")]
    #[serde(default, deserialize_with = "present")]
    jti: Option<String>,
    #[expect(dead_code, reason = "only its type is checked")]
    #[serde(default, deserialize_with = "present")]
    email: Option<String>,
}

/// Seconds since 1970, possibly with a fraction (RFC 7519, section 2).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
pub(super) struct NumericDate(f64);

impl NumericDate {
    pub(super) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
    }

    /// The time, rounded down to a second. A time that no calendar has is long ago.
    #[expect(clippy::cast_possible_truncation, reason = "a number that is too large becomes the largest one")]
    fn to_time(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.floor() as i64, 0).unwrap_or_default()
    }
}

/// Unlike the default for an `Option`, does not treat `null` as absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Whether this verifier understands all that it must understand in the header of a token, the token is of the kind
/// that is used for access, and both parts are text.
pub(super) fn is_header_understood(token: &str) -> bool {
    let text = |segment: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(segment).ok()?).ok();
    let mut segments = token.split('.').map(text);
    // The parser accepts bytes that are not UTF-8 in what it skips (RFC 7519, section 7.2, steps 4 and 10).
    let (Some(Some(header)), Some(Some(_))) = (segments.next(), segments.next()) else { return false };
    let Ok(JoseHeader { typ, cty, crit }) = serde_json::from_str(&header) else { return false };
    // No extension is understood, so the list is wrong whatever it contains (RFC 7515, section 4.1.11).
    crit.is_none()
        && typ.is_none_or(|typ| is_access_token(&typ))
        && cty.is_none_or(|cty| !without_application(&cty).eq_ignore_ascii_case("JWT"))
}

/// Whether this is the type of an access token, and not of another kind of token with the same key (RFC 8725, section
/// 3.12).
fn is_access_token(typ: &str) -> bool {
    ACCESS_TOKEN_TYPES.iter().any(|known| without_application(typ).eq_ignore_ascii_case(known))
}

/// A media type in the short form (RFC 7515, section 4.1.9).
fn without_application(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => media_type,
    }
}

impl CallerClaims {
    /// What keeps the token valid. `None` if only one of the two claims is there. A token that does not say when it was issued
    /// is an old one.
    pub(super) fn session(&self) -> Option<TokenSession> {
        match (self.sid, self.generation) {
            (Some(id), Some(generation)) => Some(TokenSession::Session { id, generation }),
            (None, None) => {
                Some(self.iat.map_or(TokenSession::UNDATED, |iat| TokenSession::IssuedAt(iat.to_time())))
            }
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    /// Whether this issuer issued the token.
    pub(super) fn is_issued_by(&self, issuer: &str) -> bool {
        self.iss == issuer
    }

    /// Whether the token is valid at this time: before `exp`, and not before `nbf` (RFC 7519, sections 4.1.4 and
    /// 4.1.5). There is no leeway, because the hosts that issue and verify tokens have synchronized clocks.
    pub(super) fn is_valid_at(&self, now: NumericDate) -> bool {
        now < self.exp && self.nbf.is_none_or(|nbf| nbf <= now)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::Env,
        token::{TokenConfig, TokenVerifier},
    };

    const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    fn config() -> TokenConfig {
        TokenConfig::from_env(&mut Env::from_iter([]))
    }

    fn now() -> u64 {
        jsonwebtoken::get_current_timestamp()
    }

    fn base64(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Signs two segments as they are.
    fn signed(header: &str, payload: &str) -> String {
        let key = EncodingKey::from_secret(config().secret.expose_secret().as_bytes());
        let message = format!("{header}.{payload}");
        let signature = sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
        format!("{message}.{signature}")
    }

    fn token(header: &str, claims: &str) -> String {
        signed(&base64(header), &base64(claims))
    }

    /// The claims of a good token as JSON, with these instead of the usual ones.
    fn claims(other: &Value) -> String {
        let mut claims = json!({
            "sub": "01890000-0000-7000-8000-000000000001",
            "role": "USER",
            "organizationId": "01890000-0000-7000-8000-000000000002",
            "iat": now(),
            "exp": now() + 600,
            "iss": "eventboard",
            "aud": "eventboard-api",
        });
        claims.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
        claims.to_string()
    }

    /// The good claims, with this text in front of them, for what a JSON value cannot express.
    fn claims_after(text: &str) -> String {
        format!("{{{text},{}", &claims(&json!({}))[1..])
    }

    fn is_accepted(token: &str) -> bool {
        let value = format!("Bearer {token}").parse().expect("a header value");
        let headers = [(http::header::AUTHORIZATION, value)].into_iter().collect();
        TokenVerifier::new(&config()).verify(&headers).is_some()
    }

    #[test]
    fn a_payload_that_is_not_text_or_has_claims_of_another_type_is_rejected() {
        let not_utf8 = [br#"{"q":""#, &[0xff][..], br#"","#, &claims(&json!({})).as_bytes()[1..]].concat();
        assert!(!is_accepted(&signed(&base64(HEADER), &URL_SAFE_NO_PAD.encode(not_utf8))));
        for other in [json!({"iat": "x"}), json!({"jti": 5}), json!({"jti": []}), json!({"email": 5})] {
            assert!(!is_accepted(&token(HEADER, &claims(&other))), "{other}");
        }
        assert!(is_accepted(&token(HEADER, &claims(&json!({"jti": "5", "email": "a@b.example"})))));
    }

    fn assert_headers(accepted: bool, headers: &[&str]) {
        for header in headers {
            assert_eq!(is_accepted(&token(header, &claims(&json!({})))), accepted, "{header}");
        }
    }

    #[test]
    fn a_header_with_critical_extensions_is_rejected_whatever_they_are() {
        for crit in [
            r#"["exp"]"#,
            r#"["b64"]"#,
            r#"["alg"]"#,
            r#"["x","y"]"#,
            r#"[""]"#,
            "[]",
            "null",
            "[1]",
            "\"b64\"",
            "{}",
            "true",
            "0",
        ] {
            for rest in ["", r#","b64":true"#, r#","b64":false"#, r#","exp":1"#, r#","x":1,"y":2"#] {
                assert_headers(false, &[&format!(r#"{{"alg":"HS256","crit":{crit}{rest}}}"#)]);
            }
        }
        assert_headers(false, &[r#"{"alg":"HS256","crit":null,"crit":["b64"]}"#]);
        // Another parameter, which is unknown and so is ignored.
        assert_headers(true, &[r#"{"alg":"HS256","Crit":["b64"],"critical":true}"#]);
    }

    #[test]
    fn unknown_parameters_and_other_keys_are_ignored() {
        assert_headers(
            true,
            &[
                HEADER,
                r#"{"alg":"HS256"}"#,
                r#" { "alg" : "HS256" } "#,
                r#"{"alg":"HS256","kid":"../../etc/passwd"}"#,
                r#"{"alg":"HS256","jku":"http://127.0.0.1:1/keys","x5u":"http://127.0.0.1:1/"}"#,
                r#"{"alg":"HS256","unknown":[{"deep":1}]}"#,
                r#"{"alg":"HS256","b64":true}"#,
            ],
        );
        // The key in the header signed the token.
        let own = r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#;
        let message = format!("{}.{}", base64(own), base64(&claims(&json!({}))));
        let signature = sign(message.as_bytes(), &EncodingKey::from_secret(&[0; 3]), Algorithm::HS256);
        assert!(!is_accepted(&format!("{message}.{}", signature.expect("a signature"))));
    }

    #[test]
    fn only_access_tokens_signed_with_hs256_are_accepted() {
        assert_headers(
            true,
            &[
                r#"{"alg":"HS256","typ":"jwt"}"#,
                r#"{"alg":"HS256","typ":"application/jwt"}"#,
                r#"{"alg":"HS256","typ":"at+jwt"}"#,
                r#"{"alg":"HS256","typ":"Application/AT+JWT"}"#,
                r#"{"alg":"HS256","cty":"json"}"#,
            ],
        );
        assert_headers(
            false,
            &[
                r#"{"alg":"none"}"#,
                r#"{"alg":"None"}"#,
                r#"{"alg":"hs256"}"#,
                r#"{"alg":"HS512"}"#,
                r#"{"alg":"RS256"}"#,
                r#"{"alg":null}"#,
                r#"{"alg":["HS256"]}"#,
                r#"{"alg":"HS256","alg":"HS256"}"#,
                r#"{"typ":"JWT"}"#,
                r#"{"alg":"HS256","typ":"logout+jwt"}"#,
                r#"{"alg":"HS256","typ":"secevent+jwt"}"#,
                r#"{"alg":"HS256","typ":""}"#,
                r#"{"alg":"HS256","typ":null}"#,
                r#"{"alg":"HS256","typ":1}"#,
                r#"{"alg":"HS256","typ":"JWT","typ":"JWT"}"#,
                r#"{"alg":"HS256","cty":"JWT"}"#,
                r#"{"alg":"HS256","cty":"application/jwt"}"#,
                "[]",
                "",
                "null",
            ],
        );
    }

    #[test]
    fn a_token_is_valid_from_nbf_until_before_exp() {
        let now = now();
        let (far, past) = (now + 600, now - 600);
        for (times, accepted) in [
            (format!(r#""exp":{far}"#), true),
            (format!(r#""exp":{far}.5"#), true),
            (format!(r#""exp":{far},"nbf":{past}"#), true),
            (format!(r#""exp":{far},"nbf":{past}.25"#), true),
            (format!(r#""exp":{far},"nbf":{now}"#), true),
            (format!(r#""exp":{far},"nbf":0"#), true),
            (format!(r#""exp":{far},"nbf":-1"#), true),
            (r#""exp":1e12"#.to_owned(), true),
            (r#""exp":18446744073709551615"#.to_owned(), true),
            (format!(r#""exp":{past}"#), false),
            (format!(r#""exp":{now}"#), false),
            (format!(r#""exp":{past}.9"#), false),
            (r#""exp":0"#.to_owned(), false),
            (r#""exp":-1"#.to_owned(), false),
            (r#""exp":1e400"#.to_owned(), false),
            (r#""exp":null"#.to_owned(), false),
            (format!(r#""exp":"{far}""#), false),
            (format!(r#""exp":[{far}]"#), false),
            (format!(r#""exp":{far},"exp":{far}"#), false),
            (r#""iat":1"#.to_owned(), false),
            (format!(r#""exp":{far},"nbf":{far}"#), false),
            (format!(r#""exp":{far},"nbf":{}.5"#, now + 300), false),
            (format!(r#""exp":{far},"nbf":1e12"#), false),
            (format!(r#""exp":{far},"nbf":18446744073709551615"#), false),
            (format!(r#""exp":{far},"nbf":1e400"#), false),
            (format!(r#""exp":{far},"nbf":null"#), false),
            (format!(r#""exp":{far},"nbf":"{past}""#), false),
            (format!(r#""exp":{far},"nbf":true"#), false),
            (format!(r#""exp":{far},"nbf":[]"#), false),
            (format!(r#""exp":{far},"nbf":{past},"nbf":{past}"#), false),
        ] {
            let good = serde_json::from_str(&claims(&json!({}))).expect("an object");
            let mut rest: serde_json::Map<String, Value> = good;
            rest.retain(|name, _| !["exp", "iat"].contains(&name.as_str()));
            let claims = format!("{{{times},{}", &Value::from(rest).to_string()[1..]);
            assert_eq!(is_accepted(&token(HEADER, &claims)), accepted, "{times}");
        }
    }

    #[test]
    fn issuer_audience_subject_and_role_must_be_right() {
        for good in [
            json!({}),
            json!({ "aud": ["eventboard-api"] }),
            json!({ "aud": ["another", "eventboard-api"] }),
            json!({ "unknown": { "deep": [1] } }),
            json!({ "jti": "any", "scope": "any" }),
        ] {
            assert!(is_accepted(&token(HEADER, &claims(&good))), "{good}");
        }
        for bad in [
            json!({ "aud": "another" }),
            json!({ "aud": "EVENTBOARD-API" }),
            json!({ "aud": ["another"] }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "aud": 1 }),
            json!({ "aud": { "eventboard-api": 1 } }),
            json!({ "aud": ["eventboard-api", 1] }),
            json!({ "iss": "another" }),
            json!({ "iss": "eventboard " }),
            json!({ "iss": ["eventboard"] }),
            json!({ "iss": null }),
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "sub": 1 }),
            json!({ "sub": "not a UUID" }),
            json!({ "organizationId": null }),
            json!({ "role": "user" }),
            json!({ "role": ["USER"] }),
            json!({ "role": null }),
        ] {
            assert!(!is_accepted(&token(HEADER, &claims(&bad))), "{bad}");
        }
    }

    #[test]
    fn a_duplicate_of_a_claim_that_counts_is_rejected() {
        for duplicate in [
            r#""role":"ADMIN""#,
            r#""sub":"01890000-0000-7000-8000-000000000009""#,
            r#""organizationId":"01890000-0000-7000-8000-000000000009""#,
            r#""iss":"eventboard""#,
            r#""aud":"eventboard-api""#,
            r#""exp":99999999999"#,
        ] {
            assert!(!is_accepted(&token(HEADER, &claims_after(duplicate))), "{duplicate}");
        }
    }

    #[test]
    fn a_payload_that_is_no_json_object_is_rejected() {
        let good = claims(&json!({}));
        for payload in
            ["", "null", "[]", "1", &format!("[{good}]"), &format!("{good}x"), &format!("{good}{good}")]
        {
            assert!(!is_accepted(&token(HEADER, payload)), "{payload}");
        }
        // A token inside a token.
        assert!(!is_accepted(&token(HEADER, &token(HEADER, &good))));
    }

    #[test]
    fn only_the_canonical_encoding_is_accepted() {
        let (header, payload) = (base64(HEADER), base64(&claims(&json!({}))));
        let good = signed(&header, &payload);
        assert!(is_accepted(&good));
        for (header, payload) in [
            (format!("{header}="), payload.clone()),
            (format!("{header}=="), payload.clone()),
            (header.clone(), format!("{payload}=")),
            (format!("{header} "), payload.clone()),
            (header.clone(), format!(" {payload}")),
            (format!("{header}\t"), payload.clone()),
            (header.clone(), format!("{payload}+")),
            (header.clone(), format!("{payload}/")),
            (header, String::new()),
            (String::new(), payload),
        ] {
            assert!(!is_accepted(&signed(&header, &payload)), "{header}.{payload}");
        }
        for changed in [
            format!("{good}="),
            format!("{good}."),
            format!(".{good}"),
            good.replace('.', ".."),
            good.replacen('.', " .", 1),
            good.rsplit_once('.').expect("three segments").0.to_owned(),
        ] {
            assert!(!is_accepted(&changed), "{changed}");
        }
        // The last character of a signature of 32 bytes has two bits that mean nothing.
        let (beginning, last) = good.split_at(good.len() - 1);
        for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            let changed = format!("{beginning}{character}");
            assert_eq!(is_accepted(&changed), last.starts_with(character), "{character}");
        }
    }
}
