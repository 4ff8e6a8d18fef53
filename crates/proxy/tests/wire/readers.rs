//! Origins of several minds: how servers that are strict, lax, or fond of one header read a stream of requests. What a
//! proxy lets through must be the same to all of them.

/// What a stream comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Read {
    /// First lines and bodies of requests that are complete.
    pub(crate) requests: Vec<(String, Vec<u8>)>,
    /// There is the beginning of another one.
    pub(crate) open: bool,
    /// The rest cannot be read.
    pub(crate) broken: bool,
}

/// First line, body, and what follows.
type One<'a> = (String, Vec<u8>, &'a [u8]);

/// One mind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// LF alone ends a line, and so does CR alone.
    lax_lines: bool,
    /// Names with blanks around them, and with `_` for `-`; a coding that has `chunked` somewhere in it.
    lax_names: bool,
    prefers: Prefers,
}

/// Which of two contradicting headers counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Prefers {
    /// Neither: refused.
    None,
    Length,
    Coding,
}

/// The strict one comes first.
pub(crate) const READERS: [Reader; 5] = [
    Reader { name: "the strict one", lax_lines: false, lax_names: false, prefers: Prefers::None },
    Reader { name: "the one for lengths", lax_lines: false, lax_names: false, prefers: Prefers::Length },
    Reader { name: "the one for codings", lax_lines: false, lax_names: true, prefers: Prefers::Coding },
    Reader { name: "the lax one for lengths", lax_lines: true, lax_names: true, prefers: Prefers::Length },
    Reader { name: "the lax one for codings", lax_lines: true, lax_names: true, prefers: Prefers::Coding },
];

impl Reader {
    pub(crate) fn read(&self, stream: &[u8]) -> Read {
        let (mut read, mut rest) = (Read::default(), stream);
        while !rest.is_empty() {
            match self.request(rest) {
                Ok(Some((line, body, after))) => {
                    read.requests.push((line, body));
                    rest = after;
                }
                Ok(None) => {
                    read.open = true;
                    break;
                }
                Err(()) => {
                    read.broken = true;
                    break;
                }
            }
        }
        read
    }

    /// One request and what follows it; `None`: it has not ended.
    fn request<'a>(&self, stream: &'a [u8]) -> Result<Option<One<'a>>, ()> {
        let mut rest = stream;
        let Some(first) = self.line(&mut rest)? else { return Ok(None) };
        let (mut lengths, mut codings) = (Vec::new(), Vec::new());
        loop {
            let Some(line) = self.line(&mut rest)? else { return Ok(None) };
            if line.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(line).to_lowercase();
            let (name, value) = text.split_once(':').ok_or(())?;
            if !self.lax_names && name.trim() != name {
                return Err(());
            }
            let name = if self.lax_names { name.trim().replace('_', "-") } else { name.to_owned() };
            match name.as_str() {
                "content-length" => lengths.push(value.trim().to_owned()),
                "transfer-encoding" => codings.push(value.trim().to_owned()),
                _ => {}
            }
        }
        let line = String::from_utf8_lossy(first).into_owned();
        let chunked = |coding: &String| {
            if self.lax_names { coding.contains("chunked") } else { coding == "chunked" }
        };
        let is_chunked = codings.iter().any(chunked);
        if self.prefers == Prefers::None
            && (codings.len() + lengths.len() > 1 || codings.len() > usize::from(is_chunked))
        {
            return Err(());
        }
        let by_length = match self.prefers {
            Prefers::Length => !lengths.is_empty(),
            _ => !is_chunked && !lengths.is_empty(),
        };
        if by_length {
            let length: usize = lengths[0].parse().map_err(|_| ())?;
            return Ok(rest.get(..length).map(|body| (line, body.to_vec(), &rest[length..])));
        }
        if !is_chunked {
            return Ok(Some((line, Vec::new(), rest)));
        }
        let mut body = Vec::new();
        loop {
            let Some(size) = self.line(&mut rest)? else { return Ok(None) };
            let size = String::from_utf8_lossy(size);
            let digits = size.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(digits.trim(), 16).map_err(|_| ())?;
            if size == 0 {
                break;
            }
            let Some(data) = rest.get(..size) else { return Ok(None) };
            body.extend_from_slice(data);
            rest = &rest[size..];
            match self.line(&mut rest)? {
                None => return Ok(None),
                Some(end) if !end.is_empty() => return Err(()),
                Some(_) => {}
            }
        }
        loop {
            match self.line(&mut rest)? {
                None => return Ok(None),
                Some([]) => return Ok(Some((line, body, rest))),
                Some(_) => {}
            }
        }
    }

    /// The next line without its end.
    fn line<'a>(&self, rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, ()> {
        let ends = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let Some(at) = rest.iter().position(ends) else { return Ok(None) };
        let width = match rest.get(at..at + 2) {
            Some(b"\r\n") => 2,
            _ if rest[at] == b'\r' && at + 1 == rest.len() => return Ok(None),
            _ if self.lax_lines => 1,
            _ => return Err(()),
        };
        let line = &rest[..at];
        *rest = &rest[at + width..];
        Ok(Some(line))
    }
}
