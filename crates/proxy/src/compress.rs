//! Compression of answers: which ones, by what, and the compressors themselves.

use crate::field::{self, Kind};
use crate::h1::body::Framing;
use crate::h1::response::Head;
use crate::request::Request;
use crate::spec::{self, Algorithm, CompressionLevel};
use base::FieldError;
use std::cell::Cell;
use std::io::{self, Write};

/// Memory that the compressors of one worker may hold together, in bytes. Answers that begin when it is used up
/// go as they are.
const BUDGET: usize = 96 * 1024 * 1024;

thread_local! {
    /// What they hold; a worker is a thread.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// What is compressed.
#[derive(Debug)]
pub(crate) struct Compression {
    algorithms: Vec<Algorithm>,
    level: CompressionLevel,
    /// Content types in lower case.
    exact: Vec<Box<[u8]>>,
    /// `text/` for `text/*`.
    classes: Vec<Box<[u8]>>,
    min_length: u64,
}

impl Compression {
    /// Compiles the settings; `None` when they are off.
    ///
    /// # Errors
    /// The first fault, below `compression`.
    pub(crate) fn build(spec: &spec::Compression) -> Result<Option<Self>, FieldError> {
        if spec.algorithms.is_empty() {
            return Ok(None);
        }
        let mut built = Self {
            algorithms: Vec::new(),
            level: spec.level,
            exact: Vec::new(),
            classes: Vec::new(),
            min_length: spec.min_length.into(),
        };
        for (at, algorithm) in spec.algorithms.iter().enumerate() {
            if built.algorithms.contains(algorithm) {
                return Err(FieldError::new(
                    format!("compression.algorithms.{at}"),
                    "it stands twice; leave one out",
                ));
            }
            built.algorithms.push(*algorithm);
        }
        crate::config::rules::count("compression.types", spec.types.len())?;
        for (at, text) in spec.types.iter().enumerate() {
            let lower = text.trim().to_ascii_lowercase();
            let is_token = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
            };
            match lower.split_once('/') {
                Some((class, "*")) if is_token(class) => {
                    built.classes.push(format!("{class}/").into_bytes().into())
                }
                Some((class, rest)) if is_token(class) && is_token(rest) => {
                    built.exact.push(lower.into_bytes().into())
                }
                _ => {
                    let message =
                        format!("'{text}' is no content type; write one like application/json or text/*");
                    return Err(FieldError::new(format!("compression.types.{at}"), message));
                }
            }
        }
        if spec.types.is_empty() {
            let message = "without content types nothing is compressed; list some, like text/*";
            return Err(FieldError::new("compression.types", message));
        }
        Ok(Some(built))
    }

    /// Whether an answer with this head is one to compress, for clients that accept it.
    pub(crate) fn fits(&self, head: &Head<'_>) -> bool {
        if head.status < 200 || matches!(head.status, 204 | 205 | 206 | 304) {
            return false;
        }
        if head.length.is_some_and(|length| length < self.min_length) {
            return false;
        }
        let mut has_type = false;
        for header in head.headers {
            let (name, value) = (header.name, header.value);
            let forbids = match name.len() {
                12 if name.eq_ignore_ascii_case("content-type") => {
                    // With two of them nobody knows which one counts.
                    let first = !std::mem::replace(&mut has_type, true);
                    !(first && self.takes_type(value))
                }
                16 if name.eq_ignore_ascii_case("content-encoding") => true,
                13 if name.eq_ignore_ascii_case("content-range") => true,
                13 if name.eq_ignore_ascii_case("cache-control") => has_no_transform(value),
                // Digests of what would be changed (RFC 9530 and its predecessors).
                6 if name.eq_ignore_ascii_case("digest") => true,
                11 if name.eq_ignore_ascii_case("content-md5")
                    || name.eq_ignore_ascii_case("repr-digest") =>
                {
                    true
                }
                14 if name.eq_ignore_ascii_case("content-digest") => true,
                _ => false,
            };
            if forbids {
                return false;
            }
        }
        has_type
    }

    fn takes_type(&self, value: &[u8]) -> bool {
        let bare = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.exact.iter().any(|exact| exact.eq_ignore_ascii_case(bare))
            || (!bare.eq_ignore_ascii_case(b"text/event-stream")
                && self.classes.iter().any(|class| {
                    bare.get(..class.len()).is_some_and(|start| start.eq_ignore_ascii_case(class))
                }))
    }

    /// What the client wants most of what we have; `None`: the answer as it is.
    pub(crate) fn choose(&self, request: &Request) -> Option<Algorithm> {
        if request.is_head() || request.headers("range").next().is_some() {
            return None;
        }
        if request.headers("cache-control").any(has_no_transform) {
            return None;
        }
        negotiate(request.headers("accept-encoding"), &self.algorithms)
    }

    /// A compressor; `None` when the worker has no memory to spare for one.
    pub(crate) fn start(&self, algorithm: Algorithm) -> Option<Encoder> {
        Encoder::new(algorithm, self.level)
    }
}

fn has_no_transform(value: &[u8]) -> bool {
    field::list(value).any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}

/// The content coding that a client weighs highest (RFC 9110, section 12.5.3); of equals the first of `ours`.
fn negotiate<'a>(accepted: impl Iterator<Item = &'a [u8]>, ours: &[Algorithm]) -> Option<Algorithm> {
    let mut weights = [None; 3];
    let (mut any, mut identity) = (None, None);
    for member in accepted.flat_map(field::list) {
        let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
        let weight = weight.map_or(1000, |text| thousandths(text).unwrap_or(0));
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match ours.iter().position(|algorithm| coding(*algorithm).iter().any(|coding| is(coding))) {
            Some(at) => weights[at] = Some(weight),
            None if is("*") => any = Some(weight),
            None if is("identity") => identity = Some(weight),
            None => {}
        }
    }
    let weight = |at: usize| weights[at].or(any).unwrap_or(0);
    let best = (0..ours.len()).rev().max_by_key(|at| weight(*at))?;
    (weight(best) > 0 && weight(best) >= identity.unwrap_or(0)).then(|| ours[best])
}

/// The names of a content coding; the first is the one to send.
fn coding(algorithm: Algorithm) -> &'static [&'static str] {
    match algorithm {
        Algorithm::Gzip => &["gzip", "x-gzip"],
        Algorithm::Brotli => &["br"],
        Algorithm::Zstd => &["zstd"],
    }
}

/// A weight from 0 to 1 with at most three decimals, in thousandths.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut value = u16::from(whole.checked_sub(b'0').filter(|digit| *digit <= 1)?);
    for at in 0..3 {
        let digit =
            decimals.get(at).map_or(Some(0), |digit| digit.checked_sub(b'0').filter(|digit| *digit <= 9))?;
        value = value * 10 + u16::from(digit);
    }
    (value <= 1000).then_some(value)
}

/// A compressor of one answer.
pub(crate) struct Encoder {
    stream: Stream,
    algorithm: Algorithm,
    /// Its share of the [`BUDGET`].
    held: usize,
}

enum Stream {
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    /// It has ended; this is what it gave last.
    Ended(Vec<u8>),
}

impl Encoder {
    fn new(algorithm: Algorithm, level: CompressionLevel) -> Option<Self> {
        let (level, window, held) = settings(algorithm, level);
        let total = HELD.get() + held;
        if total > BUDGET {
            return None;
        }
        let out = Vec::with_capacity(16 * 1024);
        let stream = match algorithm {
            Algorithm::Gzip => {
                let level = flate2::Compression::new(level);
                Stream::Gzip(Box::new(flate2::write::GzEncoder::new(out, level)))
            }
            Algorithm::Brotli => {
                Stream::Brotli(Box::new(brotli::CompressorWriter::new(out, 8 * 1024, level, window)))
            }
            Algorithm::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, i32::try_from(level).ok()?).ok()?;
                encoder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(window)).ok()?;
                Stream::Zstd(Box::new(encoder))
            }
        };
        HELD.set(total);
        Some(Self { stream, algorithm, held })
    }

    /// The name of its content coding.
    pub(crate) fn coding(&self) -> &'static str {
        coding(self.algorithm)[0]
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Gzip(stream) => stream.write_all(data),
            Stream::Brotli(stream) => stream.write_all(data),
            Stream::Zstd(stream) => stream.write_all(data),
            Stream::Ended(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Gives out everything that was written, so that the client can read it now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Gzip(stream) => stream.flush(),
            Stream::Brotli(stream) => stream.flush(),
            Stream::Zstd(stream) => stream.flush(),
            Stream::Ended(_) => Ok(()),
        }
    }

    /// Gives out the end. Nothing can be written after it.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let last = match std::mem::replace(&mut self.stream, Stream::Ended(Vec::new())) {
            Stream::Gzip(stream) => stream.finish()?,
            Stream::Brotli(stream) => stream.into_inner(),
            Stream::Zstd(stream) => stream.finish()?,
            Stream::Ended(last) => last,
        };
        self.stream = Stream::Ended(last);
        Ok(())
    }

    /// What it has given out so far, to be taken away.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        match &mut self.stream {
            Stream::Gzip(stream) => stream.get_mut(),
            Stream::Brotli(stream) => stream.get_mut(),
            Stream::Zstd(stream) => stream.get_mut(),
            Stream::Ended(last) => last,
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        HELD.set(HELD.get().saturating_sub(self.held));
    }
}

/// Level, window (as a power of two; it bounds the memory) and memory in bytes, rounded up from what was measured.
///
/// Chosen by measuring 8 to 110 KB of HTML and JSON: `balanced` brotli is the first level that beats gzip by size,
/// at twice its time; zstd is as small as gzip in a fifth of its time, and so goes first where a client accepts
/// all. Above gzip 6 the time doubles for one percent.
fn settings(algorithm: Algorithm, level: CompressionLevel) -> (u32, u32, usize) {
    const KIB: usize = 1024;
    match (algorithm, level) {
        (Algorithm::Gzip, CompressionLevel::Fast) => (1, 15, 384 * KIB),
        (Algorithm::Gzip, CompressionLevel::Balanced) => (5, 15, 384 * KIB),
        (Algorithm::Gzip, CompressionLevel::Small) => (6, 15, 384 * KIB),
        (Algorithm::Brotli, CompressionLevel::Fast) => (3, 18, 1280 * KIB),
        (Algorithm::Brotli, CompressionLevel::Balanced) => (5, 18, 2560 * KIB),
        (Algorithm::Brotli, CompressionLevel::Small) => (6, 19, 4096 * KIB),
        (Algorithm::Zstd, CompressionLevel::Fast) => (1, 18, 512 * KIB),
        (Algorithm::Zstd, CompressionLevel::Balanced) => (3, 19, 1536 * KIB),
        (Algorithm::Zstd, CompressionLevel::Small) => (8, 19, 6144 * KIB),
    }
}

/// Whether the client may be told a strong validator of the compressed answer: it is another one than the
/// origin's, and equal only in meaning (RFC 9110, section 8.8.1).
pub(crate) fn weak(etag: &[u8]) -> Option<Vec<u8>> {
    (!etag.starts_with(b"W/")).then(|| [b"W/", etag].concat())
}

/// Whether an answer already says that it depends on `Accept-Encoding`.
pub(crate) fn varies(head: &Head<'_>) -> bool {
    let mut varies = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("vary"));
    varies.any(|header| {
        field::list(header.value).any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
    })
}

/// Whether a header does not hold for the compressed answer.
pub(crate) fn is_about_bytes(name: &str) -> bool {
    name.eq_ignore_ascii_case("accept-ranges") || field::kind(name.as_bytes()) == Kind::ContentLength
}

/// The framing of a compressed answer: its length is not known.
pub(crate) const FRAMING: Framing = Framing::Chunked;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const ALL: [Algorithm; 3] = [Algorithm::Zstd, Algorithm::Brotli, Algorithm::Gzip];

    #[test]
    fn the_highest_weight_wins_and_our_order_decides_among_equals() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some(Algorithm::Zstd)),
            ("gzip, deflate, br", Some(Algorithm::Brotli)),
            ("gzip", Some(Algorithm::Gzip)),
            ("x-gzip", Some(Algorithm::Gzip)),
            ("GZIP;q=1.0, br;q=0.9", Some(Algorithm::Gzip)),
            ("gzip;q=0.5, br;q=0.501", Some(Algorithm::Brotli)),
            ("*", Some(Algorithm::Zstd)),
            ("*, zstd;q=0", Some(Algorithm::Brotli)),
            ("*;q=0, gzip", Some(Algorithm::Gzip)),
            ("gzip;q=0", None),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Algorithm::Gzip)),
            ("deflate", None),
            ("", None),
            ("gzip;q=2", None),
            ("gzip;q=x", None),
            ("gzip;q=-1", None),
        ] {
            assert_eq!(negotiate([accepted.as_bytes()].into_iter(), &ALL), expected, "{accepted}");
        }
    }

    fn read_back(algorithm: Algorithm, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match algorithm {
            Algorithm::Gzip => flate2::read::GzDecoder::new(data).read_to_end(&mut out),
            Algorithm::Brotli => brotli::Decompressor::new(data, 4096).read_to_end(&mut out),
            Algorithm::Zstd => zstd::stream::read::Decoder::new(data).unwrap().read_to_end(&mut out),
        }
        .unwrap();
        out
    }

    #[test]
    fn what_was_written_can_be_read_after_each_flush_and_at_the_end() {
        for algorithm in ALL {
            for level in [CompressionLevel::Fast, CompressionLevel::Balanced, CompressionLevel::Small] {
                let mut encoder = Encoder::new(algorithm, level).unwrap();
                let mut wire = Vec::new();
                encoder.write(b"first ").unwrap();
                encoder.flush().unwrap();
                wire.append(encoder.out());
                assert!(wire.len() > 6, "{algorithm:?} gives out nothing when flushed");
                let body = b"0123456789 and the rest ".repeat(5000);
                encoder.write(&body).unwrap();
                encoder.finish().unwrap();
                wire.append(encoder.out());
                assert!(wire.len() < body.len() / 20, "{algorithm:?} {}", wire.len());
                assert_eq!(read_back(algorithm, &wire), [b"first ".as_slice(), &body].concat());
            }
        }
    }

    #[test]
    fn compressors_beyond_the_budget_are_refused_until_others_end() {
        let mut all: Vec<_> = std::iter::from_fn(|| Encoder::new(Algorithm::Brotli, CompressionLevel::Small))
            .take(1000)
            .collect();
        assert_eq!(all.len(), BUDGET / (4096 * 1024));
        all.pop();
        assert!(Encoder::new(Algorithm::Brotli, CompressionLevel::Small).is_some());
        drop(all);
        assert_eq!(HELD.get(), 0);
    }

    #[test]
    fn a_setting_that_cannot_be_is_named() {
        let with = |change: fn(&mut spec::Compression)| {
            let mut spec = spec::Compression::default();
            change(&mut spec);
            Compression::build(&spec).map(|built| built.is_some()).map_err(|error| error.field)
        };
        assert_eq!(with(|_| {}), Ok(true));
        assert_eq!(with(|spec| spec.algorithms.clear()), Ok(false));
        assert_eq!(
            with(|spec| spec.algorithms.push(Algorithm::Gzip)),
            Err("compression.algorithms.3".to_owned())
        );
        assert_eq!(with(|spec| spec.types = vec!["json".to_owned()]), Err("compression.types.0".to_owned()));
        assert_eq!(with(|spec| spec.types.clear()), Err("compression.types".to_owned()));
    }
}
