//! DNS messages (RFC 1035) as far as updates and look-ups need them: writing, strict reading, and one exchange.

use crate::DnsError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const CAA: u16 = 257;
pub(crate) const IN: u16 = 1;

/// The time that one try has.
pub(crate) const TRY: Duration = Duration::from_secs(3);

/// A name as it travels; in lower case.
pub(crate) fn put_name(out: &mut Vec<u8>, name: &str) -> Result<(), DnsError> {
    let name = name.trim_end_matches('.');
    let start = out.len();
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
        let length = length.ok_or_else(|| DnsError::failed(format!("{name} is not a name of the DNS")))?;
        out.push(length);
        out.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    out.push(0);
    if out.len() - start > 255 {
        return Err(DnsError::failed(format!("{name} is too long for the DNS")));
    }
    Ok(())
}

/// One record of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) data: Data,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Data {
    Address(IpAddr),
    Name(String),
    Text(String),
    Caa { critical: bool, tag: String, value: String },
    Other,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u8,
    pub(crate) authoritative: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
}

/// Reads what cannot be trusted: every step is checked.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut jumped = false;
        for _ in 0..128 {
            let length = usize::from(*self.bytes.get(at)?);
            match length {
                0 => {
                    if !jumped {
                        self.at = at + 1;
                    }
                    return Some(name);
                }
                1..=63 => {
                    if !name.is_empty() {
                        name.push('.');
                    }
                    for byte in self.bytes.get(at + 1..at + 1 + length)? {
                        name.push(char::from(byte.to_ascii_lowercase()));
                    }
                    at += 1 + length;
                }
                192.. => {
                    let low = usize::from(*self.bytes.get(at + 1)?);
                    if !jumped {
                        self.at = at + 2;
                    }
                    jumped = true;
                    at = (length & 63) << 8 | low;
                }
                _ => return None,
            }
            if name.len() > 255 {
                return None;
            }
        }
        None
    }
}

fn record(reader: &mut Reader<'_>) -> Option<Record> {
    let name = reader.name()?;
    let kind = reader.u16()?;
    reader.take(6)?;
    let length = usize::from(reader.u16()?);
    let start = reader.at;
    let raw = reader.take(length)?;
    let data = match kind {
        A => Data::Address(Ipv4Addr::from(<[u8; 4]>::try_from(raw).ok()?).into()),
        AAAA => Data::Address(Ipv6Addr::from(<[u8; 16]>::try_from(raw).ok()?).into()),
        NS | CNAME | SOA => Data::Name(Reader { bytes: reader.bytes, at: start }.name()?),
        TXT => {
            let mut pieces = Reader { bytes: raw, at: 0 };
            let mut text = Vec::new();
            while pieces.at < raw.len() {
                let length = usize::from(pieces.take(1)?[0]);
                text.extend_from_slice(pieces.take(length)?);
            }
            Data::Text(String::from_utf8_lossy(&text).into_owned())
        }
        CAA => {
            let mut parts = Reader { bytes: raw, at: 0 };
            let critical = parts.take(1)?[0] & 0x80 != 0;
            let length = usize::from(parts.take(1)?[0]);
            let tag = String::from_utf8_lossy(parts.take(length)?).to_ascii_lowercase();
            let value = String::from_utf8_lossy(raw.get(parts.at..)?).into_owned();
            Data::Caa { critical, tag, value }
        }
        _ => Data::Other,
    };
    Some(Record { name, kind, data })
}

/// Reads an answer; `None` when it is broken.
pub(crate) fn parse(bytes: &[u8]) -> Option<Answer> {
    let mut reader = Reader { bytes, at: 2 };
    let flags = reader.u16()?;
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    for _ in 0..counts[0] {
        reader.name()?;
        reader.take(4)?;
    }
    let mut section = |count: u16| (0..count).map(|_| record(&mut reader)).collect::<Option<Vec<_>>>();
    let (answers, authority) = (section(counts[1])?, section(counts[2])?);
    Some(Answer { code: (flags & 15) as u8, authoritative: flags & 0x0400 != 0, answers, authority })
}

/// A question.
pub(crate) fn question(name: &str, kind: u16, recursion: bool) -> Result<Vec<u8>, DnsError> {
    let mut message = base::random::bytes::<2>().to_vec();
    message.extend([u8::from(recursion), 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    put_name(&mut message, name)?;
    message.extend(kind.to_be_bytes());
    message.extend(IN.to_be_bytes());
    Ok(message)
}

/// Asks `server`: twice by UDP, and by TCP when the answer does not fit.
pub(crate) async fn ask(
    server: SocketAddr,
    name: &str,
    kind: u16,
    recursion: bool,
) -> Result<Answer, DnsError> {
    let message = question(name, kind, recursion)?;
    let mut answer = Err(silent(server));
    for _ in 0..2 {
        answer = timeout(TRY, by_udp(server, &message)).await.map_err(|_| silent(server)).flatten();
        if answer.is_ok() {
            break;
        }
    }
    let mut answer = answer?;
    if answer.get(2).is_some_and(|flags| flags & 2 != 0) {
        answer = by_tcp(server, &message).await?;
    }
    parse(&answer).ok_or_else(|| DnsError::malformed(format!("{server} answers with a broken message")))
}

fn silent(server: SocketAddr) -> DnsError {
    DnsError::Unreachable { reason: format!("{server} does not answer") }
}

fn broken(server: SocketAddr, error: &std::io::Error) -> DnsError {
    DnsError::Unreachable { reason: format!("{server}: {}", error.kind()) }
}

async fn by_udp(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>, DnsError> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let exchange = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(server).await?;
        socket.send(message).await?;
        let mut buffer = vec![0; 4096];
        loop {
            let length = socket.recv(&mut buffer).await?;
            if matches(message, &buffer[..length]) {
                buffer.truncate(length);
                return Ok(buffer);
            }
        }
    };
    exchange.await.map_err(|error| broken(server, &error))
}

/// Whether `answer` is one, to this message and this question.
fn matches(message: &[u8], answer: &[u8]) -> bool {
    let asked = message.get(12..);
    let echoed = answer.get(12..message.len());
    answer.len() >= 12
        && answer[..2] == message[..2]
        && answer[2] & 0x80 != 0
        && (echoed.zip(asked).is_some_and(|(echoed, asked)| echoed.eq_ignore_ascii_case(asked))
            || answer[4..6] == [0, 0])
}

/// One exchange by TCP.
pub(crate) async fn by_tcp(server: SocketAddr, message: &[u8]) -> Result<Vec<u8>, DnsError> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    let answer: Vec<u8> = timeout(2 * TRY, exchange)
        .await
        .map_err(|_| silent(server))?
        .map_err(|error| broken(server, &error))?;
    if answer.len() < 12 || answer[..2] != message[..2] {
        return Err(DnsError::malformed(format!("{server} answers another question")));
    }
    Ok(answer)
}

/// What a code of an answer means (RFC 1035, 2136).
pub(crate) fn code_name(code: u8) -> String {
    let name = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        code => return format!("code {code}"),
    };
    name.to_owned()
}
