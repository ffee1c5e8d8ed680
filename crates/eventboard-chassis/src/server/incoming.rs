//! Follows the bytes that a client sends, as far as necessary to know for what the server waits.
//!
//! hyper has no time limit for an HTTP/2 preface, SETTINGS or HEADERS that never end. Only the bytes themselves show
//! that the client is in the middle of one.

/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The end of an HTTP/1 head.
const END_OF_HEAD: [u8; 4] = *b"\r\n\r\n";

const FRAME_HEADER_LENGTH: usize = 9;
/// The frame types (RFC 9113, section 6) and the flag that this file needs.
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const SETTINGS: u8 = 0x4;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// What a client has sent so far.
#[derive(Debug)]
pub(super) enum Incoming {
    /// This many bytes, which are the beginning of the HTTP/2 preface.
    Undecided(usize),
    Http1(Tail),
    Http2(Frames),
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Self::Undecided(0)
    }

    /// Adds the bytes that were received.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        if let Self::Undecided(matched) = self {
            let expected = &PREFACE[*matched..];
            let length = expected.len().min(bytes.len());
            let (beginning, rest) = bytes.split_at(length);
            if beginning != &expected[..length] {
                *self = Self::Http1(Tail::default());
                return self.advance(bytes);
            } else if length < expected.len() {
                *matched += length;
            } else {
                *self = Self::Http2(Frames::default());
            }
            bytes = rest;
        }
        match self {
            Self::Undecided(_) => {}
            Self::Http1(tail) => tail.advance(bytes),
            Self::Http2(frames) => frames.advance(bytes),
        }
    }
}

/// The last bytes of an HTTP/1 client.
#[derive(Debug, Default)]
pub(super) struct Tail([u8; END_OF_HEAD.len()]);

impl Tail {
    fn advance(&mut self, bytes: &[u8]) {
        let latest = &bytes[bytes.len().saturating_sub(self.0.len())..];
        self.0.rotate_left(latest.len());
        let start = self.0.len() - latest.len();
        self.0[start..].copy_from_slice(latest);
    }

    /// Whether the client has sent a whole head, and nothing after it. A line may end without CR (RFC 9112, section 2.2).
    pub(super) fn is_end_of_head(&self) -> bool {
        self.0 == END_OF_HEAD || self.0.ends_with(b"\n\n")
    }
}

/// The HTTP/2 frames of a client.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; FRAME_HEADER_LENGTH],
    /// How many bytes of `header` belong to the current frame. 0 between two frames.
    header_length: usize,
    /// How many bytes of the payload are missing.
    missing_payload: usize,
    /// Whether only CONTINUATION may follow, because a header block has not ended.
    is_in_header_block: bool,
    /// Whether the client has sent its settings.
    pub(super) has_settings: bool,
    /// The number of complete frames. A header block counts as one.
    pub(super) complete: u64,
}

impl Frames {
    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.header_length < FRAME_HEADER_LENGTH {
                let length = bytes.len().min(FRAME_HEADER_LENGTH - self.header_length);
                self.header[self.header_length..self.header_length + length]
                    .copy_from_slice(&bytes[..length]);
                self.header_length += length;
                bytes = &bytes[length..];
                if self.header_length < FRAME_HEADER_LENGTH {
                    return;
                }
                let [high, middle, low, ..] = self.header.map(usize::from);
                self.missing_payload = (high << 16) | (middle << 8) | low;
            }
            let length = bytes.len().min(self.missing_payload);
            self.missing_payload -= length;
            bytes = &bytes[length..];
            if self.missing_payload == 0 {
                self.finish_frame();
            }
        }
    }

    fn finish_frame(&mut self) {
        let [_, _, _, kind, flags, ..] = self.header;
        match kind {
            HEADERS | CONTINUATION => self.is_in_header_block = flags & END_HEADERS == 0,
            SETTINGS => self.has_settings = true,
            _ => {}
        }
        self.header_length = 0;
        if !self.is_in_header_block {
            self.complete += 1;
        }
    }

    /// Whether the client has sent only a part of a frame or of a header block. DATA does not count, because the
    /// limits for request bodies apply to it.
    pub(super) fn is_incomplete(&self) -> bool {
        let is_data = self.header_length == FRAME_HEADER_LENGTH && self.header[3] == DATA;
        self.is_in_header_block || (self.header_length > 0 && !is_data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn http2(bytes: &[u8]) -> Frames {
        let mut incoming = Incoming::new();
        incoming.advance(PREFACE);
        // One byte at a time, because TCP may split them anywhere.
        bytes.iter().for_each(|byte| incoming.advance(&[*byte]));
        match incoming {
            Incoming::Http2(frames) => frames,
            other => panic!("{other:?} is not HTTP/2"),
        }
    }

    #[test]
    fn the_first_byte_that_differs_from_the_preface_means_http1() {
        for request in ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\nxx", "P\r\n"] {
            let mut incoming = Incoming::new();
            request.bytes().for_each(|byte| incoming.advance(&[byte]));
            assert!(matches!(incoming, Incoming::Http1(_)), "{request}: {incoming:?}");
        }
        let mut half = Incoming::new();
        half.advance(&PREFACE[..10]);
        assert!(matches!(half, Incoming::Undecided(10)), "{half:?}");
    }

    #[test]
    fn a_part_of_a_frame_is_incomplete_except_data() {
        let headers = frame(HEADERS, END_HEADERS, b"abc");
        for length in 1..headers.len() {
            assert!(http2(&headers[..length]).is_incomplete(), "{length} bytes");
        }
        assert!(!http2(&headers).is_incomplete());
        assert!(!http2(&frame(DATA, 0, b"abc")[..10]).is_incomplete());
    }

    #[test]
    fn a_header_block_ends_with_end_headers() {
        let begun = [frame(HEADERS, 0, b"a"), frame(CONTINUATION, 0, b"b")].concat();
        assert!(http2(&begun).is_incomplete());
        let ended = http2(&[begun, frame(CONTINUATION, END_HEADERS, b"c")].concat());
        assert!(!ended.is_incomplete() && ended.complete == 1);
    }

    #[test]
    fn frames_in_one_packet_are_all_seen() {
        let mut incoming = Incoming::new();
        incoming.advance(&[PREFACE, &frame(SETTINGS, 0, b""), &frame(DATA, 0, b"x"), &[0, 0]].concat());
        let Incoming::Http2(frames) = incoming else { panic!("not HTTP/2") };
        assert!(frames.has_settings && frames.complete == 2 && frames.is_incomplete());
    }
}
