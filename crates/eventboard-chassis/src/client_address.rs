//! The address of the gateway's client, which the gateway sends with calls that need no token. It is signed, so that a
//! program that calls a service directly cannot claim the address of somebody else for each of its calls. It could repeat
//! an address that it has observed, but who reads the traffic between the services also has the tokens in it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{sign, verify},
};
use secrecy::{ExposeSecret, SecretString};

/// The metadata entry: the address block (see [`address_block`](crate::fairness::address_block)), a blank, and the
/// signature.
pub const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");

/// A token never begins like this, so a signature of one can never be used as the other.
const CONTEXT: &str = "client address ";

/// Signs the addresses of clients.
#[derive(Clone)]
pub struct AddressSigner(EncodingKey);

/// An address block with a signature, ready to be sent as [`CLIENT_ADDRESS`].
#[derive(Debug, Clone)]
pub struct SignedAddress(HeaderValue);

/// Verifies what an [`AddressSigner`] has signed.
#[derive(Clone)]
pub(crate) struct AddressVerifier(Vec<DecodingKey>);

impl AddressSigner {
    /// Creates a signer with the secret that signs tokens.
    pub fn new(secret: &SecretString) -> Self {
        Self(EncodingKey::from_secret(secret.expose_secret().as_bytes()))
    }

    /// Signs an address block. `None` when signing fails, which is a defect.
    pub fn sign(&self, address_block: IpAddr) -> Option<SignedAddress> {
        let message = format!("{CONTEXT}{address_block}");
        let signature = sign(message.as_bytes(), &self.0, Algorithm::HS256).ok()?;
        HeaderValue::try_from(format!("{address_block} {signature}")).ok().map(SignedAddress)
    }
}

impl SignedAddress {
    /// The value of [`CLIENT_ADDRESS`].
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl AddressVerifier {
    /// Creates a verifier for the current and the previous secret.
    pub(crate) fn new(keys: Vec<DecodingKey>) -> Self {
        Self(keys)
    }

    /// Returns the address block in the metadata. `None` when it is missing or its signature is wrong.
    pub(crate) fn verify(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let (address, signature) = headers.get(CLIENT_ADDRESS)?.to_str().ok()?.split_once(' ')?;
        let message = format!("{CONTEXT}{address}");
        let is_signed_with =
            |key| verify(signature, message.as_bytes(), key, Algorithm::HS256).unwrap_or(false);
        self.0.iter().any(is_signed_with).then(|| address.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "2001:db8:1:2::";

    fn key(secret: &str) -> DecodingKey {
        DecodingKey::from_secret(secret.as_bytes())
    }

    fn signed_with(secret: &str) -> HeaderValue {
        let signer = AddressSigner(EncodingKey::from_secret(secret.as_bytes()));
        signer.sign(ADDRESS.parse().expect("an address")).expect("a signature").to_header()
    }

    fn verified(value: HeaderValue, secrets: &[&str]) -> Option<String> {
        let verifier = AddressVerifier::new(secrets.iter().map(|secret| key(secret)).collect());
        verifier.verify(&HeaderMap::from_iter([(CLIENT_ADDRESS, value)])).map(|address| address.to_string())
    }

    #[test]
    fn an_address_that_a_gateway_signed_is_believed() {
        assert_eq!(verified(signed_with("a"), &["a"]).as_deref(), Some(ADDRESS));
        assert_eq!(verified(signed_with("old"), &["new", "old"]).as_deref(), Some(ADDRESS));
    }

    #[test]
    fn an_address_with_another_signature_or_none_is_not_believed() {
        assert_eq!(verified(signed_with("other"), &["a"]), None);
        let signed = signed_with("a");
        let (_, signature) = signed.to_str().expect("text").split_once(' ').expect("a signature");
        for forged in [
            ADDRESS.to_owned(),
            format!("{ADDRESS} "),
            format!("2001:db8:1:3:: {signature}"),
            format!("{ADDRESS} {signature}x"),
            format!(" {signature}"),
        ] {
            assert_eq!(verified(forged.parse().expect("a value"), &["a"]), None, "{forged}");
        }
    }
}
