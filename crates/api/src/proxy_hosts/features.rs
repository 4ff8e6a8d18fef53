//! What is done to requests and answers on their way, as it is sent, stored and shown. Each feature is one field;
//! its stored form is the sent one, without what is null.

use super::upstream::statuses;
use base::FieldError;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use utoipa::ToSchema;

/// Traffic features of a host or a location. Null is off in a host; in a location it takes over what the host
/// has. What a location gives replaces the host's as a whole; the empty form, which each field names, switches a
/// feature of the host off.
///
/// Texts "with placeholders" may hold `{client_ip}`, `{host}`, `{scheme}`, `{method}`, `{path}`, `{query}`,
/// `{request_id}` and `{upstream}`; `{{` stands for a brace that is meant.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct TrafficRulesInput {
    /// Changes of the path that the upstream gets, applied in order. Off: `[]`.
    #[schema(max_items = 200)]
    rewrite: Option<Vec<RewriteInput>>,
    /// Redirects by path; the first rule that fits answers. Off: `[]`.
    #[schema(max_items = 200)]
    redirects: Option<Vec<RedirectInput>>,
    /// Which other sites' pages may read answers. Off: no `origins`.
    cors: Option<CorsInput>,
    /// Ready-made security headers of answers. Off: `preset` is `off`.
    security_headers: Option<SecurityHeadersInput>,
    /// Compression of answers. Off: no `algorithms`.
    compression: Option<CompressionInput>,
    /// Answer 503 with a page instead of asking the upstream. Off: `enabled` is false.
    maintenance: Option<MaintenanceInput>,
    /// Pages of one's own for errors. Off: no `pages`.
    error_pages: Option<ErrorPagesInput>,
    /// Largest body of a request in bytes; a larger one gets 413. Off: 0.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64, example = 10_485_760)]
    max_body: Option<u64>,
    /// Take in up to so many bytes of a request's body before the upstream is asked. Off: 0.
    #[schema(minimum = 0, maximum = 16_777_216, example = 65_536)]
    buffer_body: Option<u64>,
    /// How requests are named. Null is the default form in a host: an id in `X-Request-Id` to the upstream.
    request_id: Option<RequestIdsInput>,
}

/// One change of a path; the query stays. `strip_prefix` takes whole segments off: `/api` makes `/users` of
/// `/api/users` and leaves `/apix` alone.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RewriteInput {
    /// Takes a prefix off.
    StripPrefix {
        /// Starts with `/`.
        #[schema(min_length = 1, max_length = 1000, pattern = "RULE_PATH", example = "/api")]
        prefix: String,
    },
    /// Puts a prefix in front.
    AddPrefix {
        /// Starts with `/`.
        #[schema(min_length = 1, max_length = 1000, pattern = "RULE_PATH", example = "/app")]
        prefix: String,
    },
    /// Replaces the whole path.
    ReplacePath {
        /// Starts with `/`.
        #[schema(min_length = 1, max_length = 1000, pattern = "RULE_PATH", example = "/index.html")]
        path: String,
    },
    /// Replaces what a regular expression finds first.
    Regex {
        /// Regular expression (syntax of the Rust crate `regex`), matched against the path.
        #[schema(min_length = 1, max_length = 1024, example = "^/old/(.*)$")]
        pattern: String,
        /// `$1` or `${name}` stand for groups, `$$` for a dollar sign.
        #[schema(max_length = 1000, example = "/new/$1")]
        replacement: String,
    },
}

/// A redirect by path.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedirectInput {
    /// Which paths.
    #[serde(rename = "match")]
    matches: PathMatchInput,
    /// An absolute http or https URL, or a path. With placeholders; after a regular expression also `$1`.
    #[schema(min_length = 1, max_length = 2000, example = "https://example.com/new")]
    to: String,
    /// 301, 302, 303, 307 or 308. Default 302.
    #[serde(default = "found")]
    #[schema(minimum = 301, maximum = 308, default = 302)]
    status: u16,
    /// Append what follows the matched prefix (`prefix` only). Default false.
    #[serde(default)]
    keep_path: bool,
    /// Append the client's query. Default false.
    #[serde(default)]
    keep_query: bool,
}

fn found() -> u16 {
    302
}

/// Which paths a rule is for: one path (`exact`), a path and everything below it (`prefix`), or paths in which a
/// regular expression finds something (`regex`).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum PathMatchInput {
    /// This path alone.
    Exact(RulePathInput),
    /// This path and everything below it; `/` is every path.
    Prefix(RulePathInput),
    /// Paths in which this finds something.
    Regex(RegexInput),
}

/// A path; it starts with `/`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 1000, pattern = "RULE_PATH", example = "/old")]
pub(super) struct RulePathInput(String);

/// Regular expression (syntax of the Rust crate `regex`).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 1024, example = "^/old/(.*)$")]
pub(super) struct RegexInput(String);

/// Which other sites' pages may read answers (CORS). Preflights are answered by Charon; the upstream's own
/// `Access-Control-*` headers are replaced.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct CorsInput {
    /// Like `https://app.example.com`, all subdomains like `https://*.example.com`, or `*` for every site.
    #[schema(max_items = 200, value_type = Vec<CorsOriginInput>)]
    origins: Vec<CorsOriginInput>,
    /// Methods beside GET, HEAD and POST; `*` for all.
    #[schema(max_items = 50)]
    methods: Vec<CorsNameInput>,
    /// Request headers that pages may set; `*` for all.
    #[schema(max_items = 200)]
    headers: Vec<CorsNameInput>,
    /// Answer headers that pages may read; `*` for all.
    #[schema(max_items = 200)]
    expose: Vec<CorsNameInput>,
    /// Let pages send cookies and logins. Not together with `*` anywhere.
    credentials: bool,
    /// How long browsers may keep a preflight's answer, in seconds.
    #[schema(minimum = 0, maximum = 86_400)]
    max_age: u32,
}

impl Default for CorsInput {
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

/// An origin, or `*`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 300, pattern = "ORIGIN", example = "https://app.example.com")]
pub(super) struct CorsOriginInput(String);

/// A method or the name of a header, or `*`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 100, pattern = "HEADER_NAME", example = "X-Requested-With")]
pub(super) struct CorsNameInput(String);

/// Ready-made security headers.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct SecurityHeadersInput {
    /// Which set.
    preset: SecurityPreset,
    /// Replace what the upstream sends under these names; otherwise its own headers stay.
    override_origin: bool,
}

/// Sets of security headers. `basic` is what hardly any application minds; `strict` also forbids framing, device
/// access and sharing with other sites.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecurityPreset {
    #[default]
    Off,
    Basic,
    Strict,
}

/// Compression of answers, by what the client accepts.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct CompressionInput {
    /// The most wanted first, where a client accepts several equally.
    #[schema(max_items = 3)]
    algorithms: Vec<CompressionAlgorithm>,
    /// How hard to try.
    level: CompressionLevel,
    /// Content types, exact or like `text/*`.
    #[schema(max_items = 200)]
    types: Vec<ContentTypeInput>,
    /// Answers that are smaller stay as they are, in bytes.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    min_length: u32,
}

impl Default for CompressionInput {
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
            algorithms: vec![
                CompressionAlgorithm::Zstd,
                CompressionAlgorithm::Brotli,
                CompressionAlgorithm::Gzip,
            ],
            level: CompressionLevel::default(),
            types: types.map(|name| ContentTypeInput(name.to_owned())).to_vec(),
            min_length: 1024,
        }
    }
}

/// A content coding.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CompressionAlgorithm {
    Gzip,
    Brotli,
    Zstd,
}

/// How hard a compressor tries. `fast` takes least processor time, `small` makes the smallest answers.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CompressionLevel {
    Fast,
    #[default]
    Balanced,
    Small,
}

/// A content type, exact or like `text/*`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 3, max_length = 100, pattern = "CONTENT_TYPE", example = "text/*")]
pub(super) struct ContentTypeInput(String);

/// Maintenance: every request gets 503 with a page.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct MaintenanceInput {
    /// Whether it is on.
    enabled: bool,
    /// What the page says; empty for Charon's own sentence.
    #[schema(max_length = 2000, format = "text")]
    message: String,
    /// `Retry-After` in seconds; 0 leaves it out.
    #[schema(minimum = 0, maximum = 31_536_000)]
    retry_after: u32,
    /// A whole HTML page instead of Charon's, at most 128 KiB; null for Charon's.
    #[schema(max_length = 131_072, format = "html")]
    html: Option<String>,
    /// Client addresses and networks that reach the upstream all the same.
    #[schema(max_items = 200)]
    bypass: Vec<NetworkInput>,
}

impl Default for MaintenanceInput {
    fn default() -> Self {
        Self { enabled: true, message: String::new(), retry_after: 300, html: None, bypass: Vec::new() }
    }
}

/// An address or a network.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 50, pattern = "NETWORK", example = "192.168.1.0/24")]
pub(super) struct NetworkInput(String);

/// Pages of one's own for errors. Clients that ask for JSON or plain text get these all the same.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct ErrorPagesInput {
    /// The first page that has a status is shown.
    #[schema(max_items = 200)]
    pages: Vec<ErrorPageInput>,
    /// Also replace the upstream's own 5xx answers.
    replace_origin: bool,
}

/// A page for some statuses.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorPageInput {
    /// The statuses that it is for, from 400 to 599, as codes and ranges.
    #[schema(min_length = 3, max_length = 200, pattern = "STATUSES", example = "502-504")]
    statuses: String,
    /// At most 128 KiB. `{status}`, `{title}`, `{reason}`, `{request_id}` and `{host}` are filled in, escaped.
    #[schema(min_length = 1, max_length = 131_072, format = "html")]
    html: String,
}

/// How requests are named.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct RequestIdsInput {
    /// The header that carries the id to the upstream; empty for none.
    #[schema(max_length = 100, pattern = "HEADER_NAME_OR_NONE")]
    header: String,
    /// Take over the id that a trusted proxy sends in that header.
    take_over: bool,
    /// Send the id to the client too.
    answer: bool,
}

impl Default for RequestIdsInput {
    fn default() -> Self {
        Self { header: "X-Request-Id".to_owned(), take_over: false, answer: false }
    }
}

/// Header edits of a location stand among its stored rules and beside them in the API.
pub(super) const HEADERS: [&str; 2] = ["request_headers", "response_headers"];

impl TrafficRulesInput {
    /// Brings every text to the form that is stored, and names faults that one text shows; `path` leads to these
    /// settings. What only the data plane can tell (regular expressions, placeholders), its compiler says.
    pub(super) fn check(&mut self, path: &str, errors: &mut Vec<FieldError>) {
        let mut fault = |field: &str, message: String| {
            errors.push(FieldError::new(format!("{path}.{field}"), message));
        };
        for (at, redirect) in self.redirects.iter().flatten().enumerate() {
            if ![301, 302, 303, 307, 308].contains(&redirect.status) {
                let message = format!("{} is no redirect; use 301, 302, 303, 307 or 308", redirect.status);
                fault(&format!("redirects.{at}.status"), message);
            }
        }
        if let Some(compression) = &mut self.compression {
            let mut known = Vec::new();
            compression.algorithms.retain(|one| {
                !known.contains(one) && {
                    known.push(*one);
                    true
                }
            });
        }
        if let Some(maintenance) = &mut self.maintenance {
            for (at, network) in maintenance.bypass.iter_mut().enumerate() {
                let text = network.0.trim();
                match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                    Ok(parsed) => network.0 = parsed.trunc().to_string(),
                    Err(_) => {
                        let message = format!(
                            "'{text}' is neither an address nor a network; write it like 192.168.1.0/24"
                        );
                        fault(&format!("maintenance.bypass.{at}"), message);
                    }
                }
            }
        }
        for (at, page) in self.error_pages.iter_mut().flat_map(|pages| pages.pages.iter_mut()).enumerate() {
            statuses(&mut page.statuses, &format!("error_pages.pages.{at}.statuses"), &mut fault);
        }
    }

    /// The stored form: what is not null.
    pub(super) fn stored(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        }
    }

    /// What is stored, complete; see [`super::upstream::UpstreamInput::shown`].
    pub(super) fn shown(stored: &Map<String, Value>) -> Self {
        let rules = stored.iter().filter(|(name, _)| !HEADERS.contains(&name.as_str()));
        let rules = rules.map(|(name, value)| (name.clone(), value.clone())).collect();
        serde_json::from_value(Value::Object(rules)).unwrap_or_default()
    }
}
