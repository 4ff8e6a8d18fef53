//! What is done to requests and answers on their way: rewriting, redirects, headers, CORS, compression, pages,
//! limits. Each feature is one optional field of [`Traffic`]; `docs/traffic.md` explains them to users.

use super::HeaderEdit;
use base::StatusSet;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Traffic features of a host or of one of its locations. Everything is off by default.
///
/// The rule of inheritance, feature by feature: a field that a location leaves out (`null`) is taken from the
/// host; a field that a location gives replaces the host's as a whole, nothing is merged. So a location
/// switches a feature of its host off by giving its empty form, which each field names.
///
/// Texts marked "with placeholders" may hold `{client_ip}`, `{host}`, `{scheme}`, `{method}`, `{path}`,
/// `{query}`, `{request_id}` and `{upstream}`; each stands for what the client asked for, before any rewriting.
/// A name in braces that is none of these is an error; `{{` before a name stands for a brace that is meant.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    /// Changes of the path that the origin gets, applied in order. At most [`MAX_RULES`]. Off: `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Vec<Rewrite>>,
    /// Redirects by path; the first rule that fits answers. At most [`MAX_RULES`]. Off: `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Vec<Redirect>>,
    /// Edits of the request's headers on the way to the origin, in order. Values with placeholders. Off: `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<Vec<HeaderEdit>>,
    /// Edits of the answer's headers on the way to the client, in order. Values with placeholders. Off: `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<Vec<HeaderEdit>>,
    /// Which other sites' pages may read answers (Fetch standard, CORS). Off: no `origins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Ready-made security headers of answers. Off: `preset` is `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_headers: Option<SecurityHeaders>,
    /// Compression of answers. Off: no `algorithms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Answer 503 with a page instead of asking the origin. Off: `enabled` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// Pages of one's own for errors. Off: no `pages`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_pages: Option<ErrorPages>,
    /// Largest body of a request in bytes; a larger one gets 413. Off: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<u64>,
    /// Take in up to this many bytes of a request's body before the origin is asked, so that slow clients do
    /// not occupy it; what is larger is streamed from there on. At most [`MAX_BUFFERED_BODY`]. Off: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_body: Option<u64>,
    /// How requests are named. Default form: `{}`, an id of ours in `X-Request-Id` to the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestIds>,
}

/// Most entries of a list of rules.
pub const MAX_RULES: usize = 200;
/// Longest regular expression, in bytes.
pub const MAX_PATTERN: usize = 1024;
/// Largest page of one's own, in bytes.
pub const MAX_PAGE: usize = 128 * 1024;
/// Most of a request's body that is held back, in bytes.
pub const MAX_BUFFERED_BODY: u64 = 16 * 1024 * 1024;

/// One change of a path. The query stays as it is.
///
/// The result is normalised like a client's path. It must not hold `.` or `..` segments: a request whose
/// rewritten path does gets 400.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rewrite {
    /// Takes a prefix off, by whole segments as in a location: `/api` makes `/users` of `/api/users` and `/` of
    /// `/api`, and leaves `/apix` alone.
    StripPrefix {
        /// Starts with `/`.
        prefix: String,
    },
    /// Puts a prefix in front.
    AddPrefix {
        /// Starts with `/`.
        prefix: String,
    },
    /// Replaces the whole path.
    ReplacePath {
        /// Starts with `/`.
        path: String,
    },
    /// Replaces what a regular expression finds first; a path in which it finds nothing stays as it is.
    Regex {
        /// Syntax of the Rust crate `regex`, ASCII only; it is matched against the path in normal form.
        pattern: String,
        /// `$1` or `${name}` stand for groups, `$$` for a dollar sign.
        replacement: String,
    },
}

/// A redirect by path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Which paths.
    #[serde(rename = "match")]
    pub matches: PathMatch,
    /// Where to: an absolute `http` or `https` URL, or a path that starts with `/`. With placeholders; after a
    /// regular expression also `$1`, `${name}` and `$$`.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "moved")]
    pub status: u16,
    /// Append what follows the matched prefix (`prefix` only).
    #[serde(default)]
    pub keep_path: bool,
    /// Append the client's query.
    #[serde(default)]
    pub keep_query: bool,
}

fn moved() -> u16 {
    302
}

/// Which paths a rule is for. Paths are compared in normal form, with upper and lower case distinct.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PathMatch {
    /// This path alone.
    Exact(String),
    /// This path and everything below it, by whole segments; `/` is every path.
    Prefix(String),
    /// Paths in which this regular expression finds something (see [`Rewrite::Regex`]).
    Regex(String),
}

/// Cross-origin resource sharing: which other sites' pages may read answers. Preflights are answered by us; the
/// origin's own `Access-Control-*` headers are replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins like `https://app.example.com` (with a port when it is not the usual one), all subdomains like
    /// `https://*.example.com`, or `*` for every site. An origin that is not listed is never reflected.
    pub origins: Vec<String>,
    /// Methods beside GET, HEAD and POST, which browsers always allow; `*` for all.
    pub methods: Vec<String>,
    /// Request headers that pages may set; `*` for all.
    pub headers: Vec<String>,
    /// Answer headers that pages may read; `*` for all.
    pub expose: Vec<String>,
    /// Let pages send cookies and logins. Not together with `*` anywhere.
    pub credentials: bool,
    /// How long browsers may keep a preflight's answer, in seconds.
    pub max_age: u32,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: Vec::new(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: false,
            max_age: 600,
        }
    }
}

/// Ready-made security headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityHeaders {
    /// Which set.
    pub preset: SecurityPreset,
    /// Replace what the origin sends under these names; otherwise the origin's own headers stay.
    pub override_origin: bool,
}

/// Sets of security headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityPreset {
    /// None.
    #[default]
    Off,
    /// What hardly any application minds: `X-Content-Type-Options: nosniff`, `X-Frame-Options: SAMEORIGIN`,
    /// `Referrer-Policy: strict-origin-when-cross-origin`.
    Basic,
    /// Also forbids framing, device access and sharing with other sites; embedded players and logins in pop-up
    /// windows may stop working.
    Strict,
}

/// Compression of answers, by what the client accepts (RFC 9110, section 12.5.3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compression {
    /// The most wanted first, where a client accepts several equally.
    pub algorithms: Vec<Algorithm>,
    /// How hard to try.
    pub level: CompressionLevel,
    /// Content types, exact or like `text/*`. `text/event-stream` counts only when it is listed itself.
    pub types: Vec<String>,
    /// Answers whose `Content-Length` is smaller stay as they are, in bytes.
    pub min_length: u32,
}

impl Default for Compression {
    fn default() -> Self {
        let types = [
            "text/*",
            "application/javascript",
            "application/json",
            "application/ld+json",
            "application/manifest+json",
            "application/problem+json",
            "application/wasm",
            "application/xhtml+xml",
            "application/xml",
            "application/rss+xml",
            "application/atom+xml",
            "application/vnd.ms-fontobject",
            "font/otf",
            "font/ttf",
            "image/bmp",
            "image/svg+xml",
            "image/x-icon",
        ];
        Self {
            algorithms: vec![Algorithm::Zstd, Algorithm::Brotli, Algorithm::Gzip],
            level: CompressionLevel::default(),
            types: types.map(str::to_owned).to_vec(),
            min_length: 1024,
        }
    }
}

/// A content coding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// RFC 1952; known to every client.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// How hard a compressor tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompressionLevel {
    /// Least processor time.
    Fast,
    /// What is right for answers that are made on demand.
    #[default]
    Balanced,
    /// Smallest answers.
    Small,
}

/// Maintenance: every request gets 503 with a page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// Whether it is on.
    pub enabled: bool,
    /// What the page says, as plain text; empty for a sentence of ours.
    pub message: String,
    /// `Retry-After` in seconds; 0 leaves it out.
    pub retry_after: u32,
    /// A whole HTML page instead of ours, see [`ErrorPage::html`].
    pub html: Option<String>,
    /// Client networks that reach the origin all the same.
    pub bypass: Vec<IpNet>,
}

impl Default for Maintenance {
    fn default() -> Self {
        Self { enabled: true, message: String::new(), retry_after: 300, html: None, bypass: Vec::new() }
    }
}

/// Pages of one's own for errors. Clients that ask for JSON or plain text get these all the same.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorPages {
    /// The pages, at most [`MAX_RULES`].
    pub pages: Vec<ErrorPage>,
    /// Also replace the origin's own 5xx answers.
    pub replace_origin: bool,
}

/// A page for some statuses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorPage {
    /// The statuses that it is for, from 400 to 599; the first page that has a status is shown.
    pub statuses: StatusSet,
    /// The page, at most [`MAX_PAGE`] bytes. `{status}`, `{title}`, `{reason}`, `{request_id}` and `{host}` are
    /// filled in, escaped; other braces stay.
    pub html: String,
}

/// How requests are named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestIds {
    /// The header that carries the id to the origin; empty for none.
    pub header: String,
    /// Take over the id that a trusted proxy sends in that header.
    pub take_over: bool,
    /// Send the id to the client too.
    pub answer: bool,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { header: "X-Request-Id".to_owned(), take_over: false, answer: false }
    }
}
