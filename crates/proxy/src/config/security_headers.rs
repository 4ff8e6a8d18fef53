//! The presets of security headers.

use super::Edits;
use crate::spec::{SecurityHeaders, SecurityPreset};
use http::{HeaderName, HeaderValue};

/// A name in lower case, and its value.
type Line = (&'static str, &'static str);

const BASIC: &[Line] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
];

const STRICT: &[Line] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("x-permitted-cross-domain-policies", "none"),
];

/// Puts the headers of a preset into the edits of answers. Edits that a person wrote go before.
pub(super) fn apply(spec: SecurityHeaders, edits: &mut Edits) {
    let lines = match spec.preset {
        SecurityPreset::Off => return,
        SecurityPreset::Basic => BASIC,
        SecurityPreset::Strict => STRICT,
    };
    for (name, value) in lines {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        if spec.override_origin {
            edits.set(name, value);
        } else {
            edits.set_default(name, value);
        }
    }
}
