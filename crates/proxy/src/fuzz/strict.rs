//! A second reading of HTTP/1, written from RFC 9112 alone and as slowly as one likes: lines are cut first and
//! looked at afterwards, and nothing is shared with the readers that are held against it.

/// What was read, or why it cannot be.
pub(super) type Outcome<T> = Result<T, &'static str>;
/// A header: its name in lower case, and its value.
pub(super) type Field = (Vec<u8>, Vec<u8>);
/// Lines, and the bytes that they take.
type Lines<'a> = (Vec<&'a [u8]>, usize);
/// A payload, and what follows.
type Payload<'a> = (Vec<u8>, &'a [u8]);

/// Where the body of a message ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    None,
    Length(u64),
    Chunked,
}

/// One head.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The words of the first line.
    pub(super) line: [Vec<u8>; 3],
    pub(super) fields: Vec<Field>,
    /// Bytes of the head with its empty line.
    pub(super) size: usize,
}

/// Reads the head of a request. `None`: it has not ended.
pub(super) fn request(data: &[u8]) -> Outcome<Option<Head>> {
    let Some((lines, size)) = lines(data)? else { return Ok(None) };
    let (first, rest) = lines.split_first().ok_or("no first line")?;
    let words: Vec<_> = first.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err("not three words") };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err("the method is no token");
    }
    if target.is_empty() || target.iter().any(|byte| *byte <= 0x20 || *byte == 0x7f) {
        return Err("the target holds a control character");
    }
    if !matches!(version, b"HTTP/1.0" | b"HTTP/1.1") {
        return Err("another version");
    }
    let line = [method.to_vec(), target.to_vec(), version.to_vec()];
    Ok(Some(Head { line, fields: fields(rest)?, size }))
}

/// Reads lines that end in CR LF up to an empty one; neither CR nor LF stands anywhere else.
fn lines(data: &[u8]) -> Outcome<Option<Lines<'_>>> {
    // Empty lines ahead are passed over (section 2.2).
    let mut at = 0;
    while data[at..].starts_with(b"\r\n") {
        at += 2;
    }
    let mut lines = Vec::new();
    loop {
        let Some(length) = data[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let line = &data[at..at + length];
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err("a line holds CR, LF or NUL");
        }
        at += length + 2;
        if line.is_empty() {
            return Ok(Some((lines, at)));
        }
        lines.push(line);
    }
}

/// Reads header lines (section 5).
pub(super) fn fields(lines: &[&[u8]]) -> Outcome<Vec<Field>> {
    let one = |line: &&[u8]| {
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a header without a colon")?;
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err("a header's name is no token");
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let value = &line[colon + 1..];
        let start = value.iter().take_while(|byte| blank(byte)).count();
        let end = value.iter().rev().take_while(|byte| blank(byte)).count();
        let value = value.get(start..value.len() - end).unwrap_or_default();
        if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err("a header's value holds a control character");
        }
        Ok((name.to_ascii_lowercase(), value.to_vec()))
    };
    lines.iter().map(one).collect()
}

impl Head {
    /// All values of a header.
    pub(super) fn values(&self, name: &[u8]) -> Vec<&[u8]> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_slice()).collect()
    }

    /// The framing of a request, where there is exactly one reading (section 6.3).
    pub(super) fn framing(&self) -> Outcome<Body> {
        match (&self.values(b"transfer-encoding")[..], &self.values(b"content-length")[..]) {
            ([], []) => Ok(Body::None),
            ([], [length]) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
                let text = String::from_utf8_lossy(length);
                let length: u64 = text.parse().map_err(|_| "a length that is too large")?;
                Ok(if length == 0 { Body::None } else { Body::Length(length) })
            }
            ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") && self.line[2] == b"HTTP/1.1" => {
                Ok(Body::Chunked)
            }
            _ => Err("framing that can be read in two ways"),
        }
    }
}

/// Reads a chunked body (section 7.1): its payload and what follows. `None`: it has not ended.
pub(super) fn chunked(data: &[u8]) -> Outcome<Option<Payload<'_>>> {
    let (mut payload, mut rest) = (Vec::new(), data);
    loop {
        let Some(length) = rest.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let line = &rest[..length];
        if line.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err("a chunk's line holds a control character");
        }
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&line[..digits]).map_err(|_| "no text")?;
        let size = usize::from_str_radix(size, 16).map_err(|_| "no size")?;
        if line.get(digits).is_some_and(|byte| !matches!(byte, b';' | b' ' | b'\t')) {
            return Err("something behind a chunk's size");
        }
        rest = &rest[length + 2..];
        if size == 0 {
            break;
        }
        let Some(data) = rest.get(..size) else { return Ok(None) };
        payload.extend_from_slice(data);
        rest = &rest[size..];
        if rest.len() < 2 {
            return Ok(None);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("a chunk that does not end where it says")?;
    }
    if let Some(rest) = rest.strip_prefix(b"\r\n") {
        return Ok(Some((payload, rest)));
    }
    // A trailer section; its first line is not empty, so that no line is passed over.
    let Some((trailers, size)) = lines(rest)? else { return Ok(None) };
    fields(&trailers)?;
    Ok(Some((payload, &rest[size..])))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
