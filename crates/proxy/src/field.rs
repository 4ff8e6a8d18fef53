//! What a header name means to a proxy. Ordinary names cost one look at their length.

/// Names that need a decision of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Passed on.
    Other,
    /// Passed on, also when `Connection` nominates it.
    Kept,
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Expect,
    /// Ends here, always (RFC 9110, section 7.6.1).
    Hop,
    /// Ends here, but that a client takes trailers is passed on.
    Te,
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
    XForwardedPort,
    XRealIp,
    XRequestId,
    /// Other claims about the client: `Forwarded`, `X-Forwarded-Anything`. Believed from trusted peers only.
    Claim,
    /// What a client certificate says: `Client-Cert` (RFC 9440) and ours. Believed from trusted peers only, and only
    /// where clients show no certificates to us.
    ClientCert,
    /// `Proxy` (httpoxy) and names with `_`, which many origins take for the name with `-`. Dropped.
    Dropped,
}

/// Classifies a header name of any case. Length and first letter leave at most two names to compare with.
pub(crate) fn kind(name: &[u8]) -> Kind {
    let first = name.first().map_or(0, u8::to_ascii_lowercase);
    let known = match (name.len(), first) {
        (2, b't') if is(name, b"te") => Kind::Te,
        (4, b'h') if is(name, b"host") => Kind::Host,
        (5, b'p') if is(name, b"proxy") => Kind::Dropped,
        (5, b'r') if is(name, b"range") => Kind::Kept,
        (6, b'a') if is(name, b"accept") => Kind::Kept,
        (6, b'c') if is(name, b"cookie") => Kind::Kept,
        (6, b'e') if is(name, b"expect") => Kind::Expect,
        (6, b'o') if is(name, b"origin") => Kind::Kept,
        (7, b'r') if is(name, b"referer") => Kind::Kept,
        (7, b'u') if is(name, b"upgrade") => Kind::Upgrade,
        (9, b'f') if is(name, b"forwarded") => Kind::Claim,
        (9, b'x') if is(name, b"x-real-ip") => Kind::XRealIp,
        (10, b'c') if is(name, b"connection") => Kind::Connection,
        (10, b'k') if is(name, b"keep-alive") => Kind::Hop,
        (10, b'u') if is(name, b"user-agent") => Kind::Kept,
        (11, b'c') if is(name, b"client-cert") => Kind::ClientCert,
        (12, b'c') if is(name, b"content-type") => Kind::Kept,
        (12, b'x') if is(name, b"x-request-id") => Kind::XRequestId,
        (13, b'a') if is(name, b"authorization") => Kind::Kept,
        (13, b'c') if is(name, b"cache-control") => Kind::Kept,
        (14, b'c') if is(name, b"content-length") => Kind::ContentLength,
        (14, b'h') if is(name, b"http2-settings") => Kind::Hop,
        (15, b'x') if is(name, b"x-forwarded-for") => Kind::XForwardedFor,
        (16, b'c') if is(name, b"content-encoding") => Kind::Kept,
        (16, b'p') if is(name, b"proxy-connection") => Kind::Hop,
        (16, b'x') if is(name, b"x-forwarded-host") => Kind::XForwardedHost,
        (16, b'x') if is(name, b"x-forwarded-port") => Kind::XForwardedPort,
        (17, b'c') if is(name, b"client-cert-chain") => Kind::ClientCert,
        (17, b't') if is(name, b"transfer-encoding") => Kind::TransferEncoding,
        (17, b'x') if is(name, b"x-forwarded-proto") => Kind::XForwardedProto,
        (20, b'x') if is(name, b"x-client-cert-sha256") => Kind::ClientCert,
        (21, b'x') if is(name, b"x-client-cert-subject") => Kind::ClientCert,
        (13.., b'x') if name[..12].eq_ignore_ascii_case(b"x-forwarded-") => Kind::Claim,
        _ => Kind::Other,
    };
    if known != Kind::Other {
        return known;
    }
    // Names are short: a search by hand is over before a quicker one has begun.
    if name.contains(&b'_') { Kind::Dropped } else { Kind::Other }
}

/// Whether `name` in lower case is `lower`. Looks at all letters at once: that is quicker than to stop early.
fn is<const LENGTH: usize>(name: &[u8], lower: &[u8; LENGTH]) -> bool {
    <&[u8; LENGTH]>::try_from(name).is_ok_and(|name| {
        let pairs = name.iter().zip(lower);
        pairs.fold(0, |differences, (a, b)| differences | (a.to_ascii_lowercase() ^ b)) == 0
    })
}

impl Kind {
    /// A bit per kind, for sets of kinds.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Whether a trailer of this kind may be passed on (RFC 9110, section 6.5.1): not what frames, routes,
    /// authenticates or says who the client is.
    pub(crate) const fn allowed_in_trailers(self) -> bool {
        matches!(self, Self::Other)
    }
}

/// The comma-separated members of a list, trimmed.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// The value of `Content-Length`: digits only (RFC 9112, section 6.3).
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value
        .iter()
        .try_fold(0, |sum: u64, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

/// Appends `name: value` and a line end.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number as decimal digits.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_classified_in_any_case() {
        for (name, expected) in [
            ("X-FORWARDED-for", Kind::XForwardedFor),
            ("x-forwarded-user", Kind::Claim),
            ("X_Forwarded_Proto", Kind::Dropped),
            ("Remote_User", Kind::Dropped),
            ("Proxy", Kind::Dropped),
            ("Accept-Language", Kind::Other),
            ("Transfer-encoding", Kind::TransferEncoding),
        ] {
            assert_eq!(kind(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_length_is_digits_only() {
        for bad in ["", "+5", "-5", "0x5", "5,5", "5 ", "99999999999999999999", "5a"] {
            assert_eq!(content_length(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(content_length(b"005"), Some(5));
    }
}
