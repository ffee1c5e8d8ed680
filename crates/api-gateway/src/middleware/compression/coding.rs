//! Content codings: which one a client prefers, and the encoders.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};

use crate::weight::{MAX_WEIGHT, Weight, parse_weight};

/// A representation below this length is sent as it is, because it fits into one packet anyway. In bytes.
const MIN_LENGTH: u64 = 1024;

/// Higher levels take several times as long for a few percent. `docs/architecture.md` has the figures.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 3;
const BROTLI_QUALITY: i32 = 2;

/// The window of brotli as a power of two, in bytes. The memory of the encoder grows with it.
const BROTLI_WINDOW: i32 = 19;

/// A content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Zstd,
    Brotli,
    Gzip,
}

impl ContentCoding {
    /// All codings. The first ones are preferred if a client has no preference.
    pub(super) const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// The name in `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Encodes a whole body. The result depends on nothing but the bytes.
    pub(super) fn encode(self, bytes: &[u8]) -> io::Result<Bytes> {
        let encoded = match self {
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL)?,
            Self::Brotli => brotli(bytes)?,
            Self::Gzip => gzip(bytes)?,
        };
        Ok(encoded.into())
    }

    /// Whether this coding has the name, as an alias too (RFC 9110, section 8.4.1.3).
    fn is_named(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name()) || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut encoded, &params)?;
    Ok(encoded)
}

/// What a client accepts (RFC 9110, section 12.5.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AcceptedCodings {
    preferred: Option<ContentCoding>,
    is_identity_acceptable: bool,
}

impl AcceptedCodings {
    /// Reads `Accept-Encoding`. A client that does not send it gets no coding: it may not know any.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(text);
        let listed: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(parse_element).collect();
        let find = |is_named: &dyn Fn(&str) -> bool| {
            listed.iter().find(|(name, _)| is_named(name)).map(|(_, weight)| *weight)
        };
        let others = find(&|name| name == "*");
        let identity = find(&|name| name.eq_ignore_ascii_case("identity"));
        let weight = |coding: ContentCoding| find(&|name| coding.is_named(name)).or(others).unwrap_or(0);
        // Of equal codings, `max_by_key` returns the last one.
        let preferred = ContentCoding::ALL.into_iter().rev().max_by_key(|coding| weight(*coding));
        let least = identity.unwrap_or(0).max(1);
        Self {
            preferred: preferred.filter(|coding| weight(*coding) >= least),
            is_identity_acceptable: identity.or(others) != Some(0),
        }
    }

    /// The coding for a representation of this length, in bytes. If the client accepts nothing that this gateway can send,
    /// the header is disregarded (RFC 9110, section 12.1): a write must not fail after it has taken effect.
    pub(super) fn coding_for(&self, length: u64) -> Option<ContentCoding> {
        self.preferred.filter(|_| length >= MIN_LENGTH || !self.is_identity_acceptable)
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Parses a coding with its weight. An invalid element is ignored.
fn parse_element(element: &str) -> Option<(&str, Weight)> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = match parts.next() {
        Some(parameter) => {
            let (parameter, weight) = parameter.split_once('=')?;
            parse_weight(weight).filter(|_| parameter.eq_ignore_ascii_case("q"))?
        }
        None => MAX_WEIGHT,
    };
    Some((name, weight))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;
    use ContentCoding::{Brotli, Gzip, Zstd};

    fn accepted(values: &[&str]) -> AcceptedCodings {
        let values = values.iter().map(|value| (header::ACCEPT_ENCODING, value.parse().expect("a value")));
        AcceptedCodings::of(&values.collect())
    }

    /// The coding of a long representation, and that of a short one.
    #[test]
    fn the_coding_depends_on_the_weights() {
        for (values, long, short) in [
            (&[][..], None, None),
            (&[""], None, None),
            (&["gzip"], Some(Gzip), None),
            (&["x-gzip"], Some(Gzip), None),
            (&["GZip"], Some(Gzip), None),
            (&["br"], Some(Brotli), None),
            (&["zstd"], Some(Zstd), None),
            (&["deflate, compress, foo"], None, None),
            (&["gzip, deflate, br, zstd"], Some(Zstd), None),
            (&["gzip, deflate, br"], Some(Brotli), None),
            (&["gzip", "br"], Some(Brotli), None),
            (&["gzip;q=1.0, br;q=0.9, zstd;q=0"], Some(Gzip), None),
            (&["gzip ; Q=0.1 , br;q=0.001"], Some(Gzip), None),
            (&["gzip;q=0"], None, None),
            (&["gzip;q=0.000, br;q=0.0"], None, None),
            (&["*"], Some(Zstd), None),
            (&["*;q=0.5, zstd;q=0.1"], Some(Brotli), None),
            (&["gzip, *;q=0"], Some(Gzip), Some(Gzip)),
            (&["*;q=0"], None, None),
            (&["identity"], None, None),
            (&["identity;q=1, gzip;q=0.5"], None, None),
            (&["identity;q=0.5, gzip;q=0.5"], Some(Gzip), None),
            (&["identity;q=0.5, gzip;q=1"], Some(Gzip), None),
            (&["identity;q=0"], None, None),
            (&["identity;q=0, gzip"], Some(Gzip), Some(Gzip)),
            (&["identity;q=0, *;q=0.1"], Some(Zstd), Some(Zstd)),
            (&["identity, *;q=0"], None, None),
            (&[", ,gzip,"], Some(Gzip), None),
            (&["gzip;q=2", "br;q=-1", "zstd;q=x", "gzip;level=9"], None, None),
            (&["gzip;q=", "br;q=1e0", "zstd;q=inf"], None, None),
        ] {
            let accepted = accepted(values);
            assert_eq!((accepted.coding_for(1024), accepted.coding_for(1023)), (long, short), "{values:?}");
        }
    }

    fn decode(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        match coding {
            Zstd => zstd::Decoder::new(bytes).expect("zstd").read_to_end(&mut decoded),
            Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
            Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
        }
        .expect("a complete body");
        decoded
    }

    proptest! {
        #[test]
        fn an_encoded_body_can_be_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            for coding in ContentCoding::ALL {
                let encoded = coding.encode(&bytes).expect("encoded");
                prop_assert_eq!(&encoded, &coding.encode(&bytes).expect("encoded"));
                prop_assert_eq!(decode(coding, &encoded), &bytes[..]);
            }
        }

        #[test]
        fn an_arbitrary_header_never_panics(value in "[ -~]{0,60}") {
            accepted(&[&value]).coding_for(2000);
        }
    }
}
