//! Signatures of messages by a shared key (RFC 8945).

use crate::wire::{Reader, put_name};
use crate::{DnsError, text::from_base64};
use aws_lc_rs::hmac;
use base::Secret;

const TSIG: u16 = 250;
const ANY: u16 = 255;
/// How far the clocks may differ, in seconds.
const FUDGE: u16 = 300;

/// A key of both sides.
#[derive(Debug)]
pub(crate) struct TsigKey {
    pub(crate) name: String,
    pub(crate) algorithm: &'static str,
    pub(crate) secret: Secret<Vec<u8>>,
}

/// What the signature of an answer says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Good,
    Missing,
    Wrong,
    /// One of the errors of RFC 8945: 16 BADSIG, 17 BADKEY, 18 BADTIME.
    Error(u16),
}

impl TsigKey {
    pub(crate) fn new(name: &str, algorithm: &str, secret: &str) -> Option<Self> {
        let algorithm = if algorithm == "hmac-sha512" { "hmac-sha512" } else { "hmac-sha256" };
        let secret = from_base64(secret).filter(|secret| !secret.is_empty())?;
        Some(Self { name: name.to_owned(), algorithm, secret: Secret::new(secret) })
    }

    fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = if self.algorithm == "hmac-sha512" { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
        let key = hmac::Key::new(algorithm, self.secret.expose());
        hmac::sign(&key, &parts.concat()).as_ref().to_vec()
    }

    /// The fields that are signed with a message.
    fn variables(&self, time: &[u8], fudge: u16, error: u16, other: &[u8]) -> Result<Vec<u8>, DnsError> {
        let mut out = Vec::new();
        put_name(&mut out, &self.name)?;
        out.extend(ANY.to_be_bytes());
        out.extend([0; 4]);
        put_name(&mut out, self.algorithm)?;
        out.extend(time);
        out.extend(fudge.to_be_bytes());
        out.extend(error.to_be_bytes());
        out.extend(u16::try_from(other.len()).unwrap_or_default().to_be_bytes());
        out.extend(other);
        Ok(out)
    }

    /// Signs `message` at `seconds` since 1970; gives its signature for [`TsigKey::verify`].
    pub(crate) fn sign(&self, message: &mut Vec<u8>, seconds: u64) -> Result<Vec<u8>, DnsError> {
        let time = &seconds.to_be_bytes()[2..];
        let mac = self.mac(&[message, &self.variables(time, FUDGE, 0, &[])?]);
        let id = [message[0], message[1]];
        put_name(message, &self.name)?;
        message.extend(TSIG.to_be_bytes());
        message.extend(ANY.to_be_bytes());
        message.extend([0; 4]);
        let mut data = Vec::new();
        put_name(&mut data, self.algorithm)?;
        data.extend(time);
        data.extend(FUDGE.to_be_bytes());
        data.extend(length(&mac));
        data.extend(&mac);
        data.extend(id);
        data.extend([0; 4]);
        message.extend(length(&data));
        message.extend(data);
        message[11] += 1;
        Ok(mac)
    }

    /// What the signature of an answer to the message signed with `request` says.
    pub(crate) fn verify(&self, answer: &[u8], request: &[u8]) -> Verdict {
        self.check(answer, request).unwrap_or(Verdict::Missing)
    }

    fn check(&self, answer: &[u8], request: &[u8]) -> Option<Verdict> {
        let mut reader = Reader { bytes: answer, at: 4 };
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        for _ in 0..counts[0] {
            reader.name()?;
            reader.take(4)?;
        }
        let before = u32::from(counts[1]) + u32::from(counts[2]) + u32::from(counts[3].checked_sub(1)?);
        for _ in 0..before {
            reader.name()?;
            reader.take(8)?;
            let length = reader.u16()?;
            reader.take(length.into())?;
        }
        let end = reader.at;
        let name = reader.name()?;
        if reader.u16()? != TSIG {
            return None;
        }
        reader.take(8)?;
        let algorithm = reader.name()?;
        let time = reader.take(6)?;
        let fudge = reader.u16()?;
        let size = reader.u16()?;
        let mac = reader.take(size.into())?;
        let id = reader.take(2)?;
        let error = reader.u16()?;
        let size = reader.u16()?;
        let other = reader.take(size.into())?;
        if error != 0 {
            return Some(Verdict::Error(error));
        }
        let mut unsigned = answer[..end].to_vec();
        unsigned[..2].copy_from_slice(id);
        unsigned[10..12].copy_from_slice(&(counts[3] - 1).to_be_bytes());
        let variables = self.variables(time, fudge, error, other).ok()?;
        let expected = self.mac(&[&length(request), request, &unsigned, &variables]);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&expected, mac).is_ok();
        let ours = name == self.name.to_ascii_lowercase() && algorithm == self.algorithm;
        Some(if same && ours { Verdict::Good } else { Verdict::Wrong })
    }
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}
