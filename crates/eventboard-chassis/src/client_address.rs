//! The address and the description of the gateway's client, which the gateway sends with calls that need no token. They are
//! signed, so that a program that calls a service directly cannot claim the address of somebody else for each of its
//! calls. It could repeat an address that it has observed, but who reads the traffic between the services also has the
//! tokens in it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use crate::signature::{Purpose, TextSigner, TextVerifier};

/// The metadata entry: the address block (see [`address_block`](crate::fairness::address_block)), a blank, and the
/// signature.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");

/// The metadata entry: the signature of the address block and the description, a blank, and the description.
pub const CLIENT_DESCRIPTION: HeaderName = HeaderName::from_static("x-client-description");

/// The maximum length of a description, in characters, all of which are ASCII.
const MAX_DESCRIPTION: usize = 200;

/// An address and a description begin differently, so that a signature of one can never be used as the other.
const ADDRESS_CONTEXT: &str = "client address ";
const DESCRIPTION_CONTEXT: &str = "client description ";

/// Signs the addresses and descriptions of clients.
#[derive(Clone)]
pub struct ClientSigner(TextSigner);

/// An address block and a description with their signatures, ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedClient {
    /// The value of [`CLIENT_ADDRESS`].
    pub address: HeaderValue,
    /// The value of [`CLIENT_DESCRIPTION`]. `None`: the client does not say what it is.
    pub description: Option<HeaderValue>,
}

/// What a gateway says about its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedClient {
    pub address_block: IpAddr,
    pub description: Option<String>,
}

/// Verifies what a [`ClientSigner`] has signed.
#[derive(Clone)]
pub(crate) struct ClientVerifier(TextVerifier);

impl ClientSigner {
    /// Creates a signer. Its key is derived from the secret that signs tokens.
    pub fn new(secret: &SecretString) -> Self {
        Self(TextSigner::new(secret, Purpose::Client))
    }

    /// Signs an address block, and the client's `User-Agent`. `None` when signing fails, which is a defect.
    pub fn sign(&self, address_block: IpAddr, user_agent: Option<&HeaderValue>) -> Option<SignedClient> {
        let signature = self.0.sign(&address_message(&address_block.to_string()))?;
        let address = HeaderValue::try_from(format!("{address_block} {signature}")).ok()?;
        let description = match user_agent.and_then(describe) {
            Some(description) => {
                let message = description_message(&address_block.to_string(), &description);
                let signature = self.0.sign(&message)?;
                Some(HeaderValue::try_from(format!("{signature} {description}")).ok()?)
            }
            None => None,
        };
        Some(SignedClient { address, description })
    }
}

impl ClientVerifier {
    /// Creates a verifier for the current and the previous secret.
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = &'s SecretString>) -> Self {
        Self(TextVerifier::new(secrets, Purpose::Client))
    }

    /// Returns the client in the metadata. `None` when its address is missing or has a wrong signature.
    pub(crate) fn verify(&self, headers: &HeaderMap) -> Option<VerifiedClient> {
        let (address, signature) = text(headers, &CLIENT_ADDRESS)?.split_once(' ')?;
        let is_signed = self.0.is_signed(&address_message(address), signature);
        let address_block = is_signed.then(|| address.parse().ok())??;
        Some(VerifiedClient { address_block, description: self.verify_description(headers, address) })
    }

    fn verify_description(&self, headers: &HeaderMap, address: &str) -> Option<String> {
        let (signature, description) = text(headers, &CLIENT_DESCRIPTION)?.split_once(' ')?;
        let is_signed = self.0.is_signed(&description_message(address, description), signature);
        is_signed.then(|| description.to_owned())
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn address_message(address: &str) -> String {
    format!("{ADDRESS_CONTEXT}{address}")
}

/// Contains the address, so that a description cannot be used with another one.
fn description_message(address: &str, description: &str) -> String {
    format!("{DESCRIPTION_CONTEXT}{address} {description}")
}

/// The beginning of a `User-Agent`. Bytes that are no visible ASCII character become `?`.
fn describe(user_agent: &HeaderValue) -> Option<String> {
    let visible = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let description: String = user_agent.as_bytes().iter().take(MAX_DESCRIPTION).map(visible).collect();
    let description = description.trim();
    (!description.is_empty()).then(|| description.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "2001:db8:1:2::";

    fn signed_with(secret: &str, user_agent: Option<&str>) -> HeaderMap {
        let signer = ClientSigner::new(&secret.into());
        let user_agent = user_agent.map(|text| HeaderValue::from_bytes(text.as_bytes()).expect("a value"));
        let address = ADDRESS.parse().expect("an address");
        let SignedClient { address, description } =
            signer.sign(address, user_agent.as_ref()).expect("a signature");
        let description = description.map(|description| (CLIENT_DESCRIPTION, description));
        [(CLIENT_ADDRESS, address)].into_iter().chain(description).collect()
    }

    fn verified(headers: &HeaderMap, secrets: &[&str]) -> Option<VerifiedClient> {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        ClientVerifier::new(secrets.iter()).verify(headers)
    }

    fn verified_address(headers: &HeaderMap, secrets: &[&str]) -> Option<String> {
        verified(headers, secrets).map(|client| client.address_block.to_string())
    }

    fn description(user_agent: &str) -> Option<String> {
        verified(&signed_with("a", Some(user_agent)), &["a"]).expect("a client").description
    }

    #[test]
    fn an_address_that_a_gateway_signed_is_believed() {
        assert_eq!(verified_address(&signed_with("a", None), &["a"]).as_deref(), Some(ADDRESS));
        assert_eq!(verified_address(&signed_with("old", None), &["new", "old"]).as_deref(), Some(ADDRESS));
    }

    #[test]
    fn an_address_with_another_signature_or_none_is_not_believed() {
        assert_eq!(verified_address(&signed_with("other", None), &["a"]), None);
        let signed = signed_with("a", None);
        let (_, signature) = text(&signed, &CLIENT_ADDRESS).expect("text").split_once(' ').expect("both");
        for forged in [
            ADDRESS.to_owned(),
            format!("{ADDRESS} "),
            format!("2001:db8:1:3:: {signature}"),
            format!("{ADDRESS} {signature}x"),
            format!(" {signature}"),
        ] {
            let headers = [(CLIENT_ADDRESS, forged.parse().expect("a value"))].into_iter().collect();
            assert_eq!(verified_address(&headers, &["a"]), None, "{forged}");
        }
    }

    #[test]
    fn a_description_is_short_and_visible() {
        assert_eq!(description("curl/8.5.0").as_deref(), Some("curl/8.5.0"));
        assert_eq!(description(" a\tb\u{e9} ").as_deref(), Some("a?b??"));
        assert_eq!(description(&"x".repeat(300)), Some("x".repeat(200)));
        assert_eq!(description(" "), None);
    }

    #[test]
    fn a_description_is_believed_only_with_its_signature_and_its_address() {
        let signed = signed_with("a", Some("curl/8.5.0"));
        let value = text(&signed, &CLIENT_DESCRIPTION).expect("text").to_owned();
        for forged in [value.replace("curl", "wget"), "curl/8.5.0".to_owned(), format!(" {value}")] {
            let mut headers = signed.clone();
            headers.insert(CLIENT_DESCRIPTION, forged.parse().expect("a value"));
            let client = verified(&headers, &["a"]).expect("the address is genuine");
            assert_eq!(client.description, None, "{forged}");
        }
        let signer = ClientSigner::new(&"a".into());
        let other = signer.sign("192.0.2.1".parse().expect("an address"), None).expect("a signature");
        let mut headers = signed;
        headers.insert(CLIENT_ADDRESS, other.address);
        let client = verified(&headers, &["a"]).expect("the address is genuine");
        assert_eq!(client.description, None, "it was signed with another address");
    }
}
