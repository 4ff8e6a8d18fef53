//! The settings that there are. To add one: a field below, its default, and its check.

use base::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// All settings with their values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Settings {
    /// The name that the UI shows.
    pub(crate) app_name: String,
    /// What a request gets whose host is not known.
    #[serde(rename = "default_site.action")]
    pub(crate) default_site_action: DefaultSiteAction,
    /// Where `redirect` goes.
    #[serde(rename = "default_site.redirect_url")]
    pub(crate) default_site_redirect_url: String,
    /// Addresses and networks whose forwarded headers are believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// More names under which the UI may be opened.
    #[serde(rename = "ui.allowed_hosts")]
    pub(crate) ui_allowed_hosts: Vec<String>,
    /// Which clients are taken, where hosts do not say otherwise.
    #[serde(rename = "tls.policy")]
    pub(crate) tls_policy: TlsPolicy,
    /// What clients get that name nothing known.
    #[serde(rename = "tls.unknown_name")]
    pub(crate) tls_unknown_name: UnknownName,
    /// How many old access log files are kept.
    #[serde(rename = "log.retention_files")]
    pub(crate) log_retention_files: u32,
    /// The form of a line of the access log.
    #[serde(rename = "log.format")]
    pub(crate) log_format: LogFormat,
    /// Which fields a JSON line of the access log has, beside `time`; empty for all.
    #[serde(rename = "log.fields")]
    pub(crate) log_fields: Vec<String>,
    /// One of so many requests that went well is logged, and each that did not.
    #[serde(rename = "log.sample")]
    pub(crate) log_sample: u32,
    /// Addresses and networks that may read the metrics without a token.
    #[serde(rename = "metrics.open_to")]
    pub(crate) metrics_open_to: Vec<String>,
    /// Port of the proxy for plain HTTP; 0 for the one of the environment.
    #[serde(rename = "proxy.http_port")]
    pub(crate) proxy_http_port: u16,
    /// Port of the proxy for HTTPS; 0 for the one of the environment.
    #[serde(rename = "proxy.https_port")]
    pub(crate) proxy_https_port: u16,
    /// Serve HTTP/3 too, by UDP on the port of HTTPS.
    #[serde(rename = "proxy.http3")]
    pub(crate) proxy_http3: bool,
    /// Take requests by safe methods before the handshake of an HTTP/3 client that comes back has ended (0-RTT).
    #[serde(rename = "proxy.http3_early_data")]
    pub(crate) proxy_http3_early_data: bool,
}

/// The form of a line of the access log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Json,
    Combined,
}

/// The fields of a JSON line of the access log that can be chosen. The binary's own test holds them to those of the
/// data plane.
pub const LOG_FIELDS: &[&str] = &[
    "request_id",
    "taken_id",
    "client_ip",
    "host_id",
    "host",
    "method",
    "path",
    "query",
    "protocol",
    "scheme",
    "status",
    "duration_us",
    "upstream",
    "dns_us",
    "connect_us",
    "tls_us",
    "upstream_us",
    "bytes_in",
    "bytes_out",
    "user_agent",
    "referer",
    "stop",
    "fault",
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            app_name: "Charon".to_owned(),
            default_site_action: DefaultSiteAction::NotFound,
            default_site_redirect_url: String::new(),
            trusted_proxies: Vec::new(),
            ui_allowed_hosts: Vec::new(),
            tls_policy: TlsPolicy::Intermediate,
            tls_unknown_name: UnknownName::DefaultCertificate,
            log_retention_files: 5,
            log_format: LogFormat::Json,
            log_fields: Vec::new(),
            log_sample: 1,
            metrics_open_to: Vec::new(),
            proxy_http_port: 0,
            proxy_https_port: 0,
            proxy_http3: false,
            proxy_http3_early_data: false,
        }
    }
}

/// Mozilla's recommendations: TLS 1.2 and 1.3 (`intermediate`), or TLS 1.3 only (`modern`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TlsPolicy {
    Intermediate,
    Modern,
}

/// What clients get that name no known host, or none: the default certificate, or the end of the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnknownName {
    DefaultCertificate,
    Refuse,
}

/// What a request gets whose host is not known: a plain 404, a redirect, or a closed connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DefaultSiteAction {
    NotFound,
    Redirect,
    Close,
}

impl Settings {
    /// From the stored texts. What is missing or cannot be read has its default.
    pub(super) fn from_rows(rows: &[store::settings::Setting]) -> Self {
        let texts: BTreeMap<&str, &str> =
            rows.iter().map(|row| (row.key.as_str(), row.value.as_str())).collect();
        let mut all = serde_json::to_value(Self::default()).unwrap_or_default();
        for (key, value) in all.as_object_mut().into_iter().flatten() {
            let Some(text) = texts.get(key.as_str()) else { continue };
            let read = match value {
                Value::String(_) => Some(Value::from(*text)),
                _ => serde_json::from_str::<Value>(text).ok(),
            };
            let before = value.clone();
            if let Some(read) = read {
                *value = read;
            }
            // One value that cannot be read must not take the others with it.
            let alone = serde_json::json!({ key.as_str(): value.clone() });
            if serde_json::from_value::<Self>(alone).is_err() {
                *value = before;
            }
        }
        serde_json::from_value(all).unwrap_or_default()
    }

    /// Each key with its stored text.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        all.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// What is wrong with the values, by key. Also brings them into their normal form.
    pub(super) fn check(&mut self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut fault = |field: &str, message: String| errors.push(FieldError::new(field, message));
        self.app_name = self.app_name.trim().to_owned();
        let url = self.default_site_redirect_url.trim().to_owned();
        if !url.is_empty() && !is_absolute_url(&url) {
            let message = "write an absolute address like https://example.com/";
            fault("default_site.redirect_url", message.to_owned());
        }
        if url.is_empty() && self.default_site_action == DefaultSiteAction::Redirect {
            fault("default_site.redirect_url", "is missing; say where to redirect to".to_owned());
        }
        self.default_site_redirect_url = url;
        for (at, entry) in self.trusted_proxies.iter_mut().enumerate() {
            *entry = entry.trim().to_owned();
            if !is_network(entry) {
                let message = format!("'{entry}' is no address and no network; write one like 10.0.0.0/8");
                fault(&format!("trusted_proxies.{at}"), message);
            }
        }
        for (at, entry) in self.ui_allowed_hosts.iter_mut().enumerate() {
            *entry = entry.trim().to_ascii_lowercase();
            if let Err(message) = base::DomainPattern::parse(entry) {
                fault(&format!("ui.allowed_hosts.{at}"), message);
            }
        }
        for (at, entry) in self.metrics_open_to.iter_mut().enumerate() {
            *entry = entry.trim().to_owned();
            if !is_network(entry) {
                let message = format!("'{entry}' is no address and no network; write one like 127.0.0.0/8");
                fault(&format!("metrics.open_to.{at}"), message);
            }
        }
        for (at, entry) in self.log_fields.iter().enumerate() {
            if !LOG_FIELDS.contains(&entry.as_str()) {
                let message = format!("there is no field '{entry}'; there are {}", LOG_FIELDS.join(", "));
                fault(&format!("log.fields.{at}"), message);
            }
        }
        if self.proxy_http_port != 0 && self.proxy_http_port == self.proxy_https_port {
            fault("proxy.https_port", "is the port for plain HTTP already; give each its own".to_owned());
        }
        errors
    }
}

/// Whether `text` is an address, or an address with the length of a prefix.
fn is_network(text: &str) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| {
        length.bytes().all(|byte| byte.is_ascii_digit())
            && length.parse::<u8>().is_ok_and(|length| length <= most)
    })
}

fn is_absolute_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    visible
        && base::Domain::parse(host).is_ok()
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str) -> store::settings::Setting {
        store::settings::Setting {
            id: 0,
            key: key.to_owned(),
            value: value.to_owned(),
            r#type: String::new(),
            category: String::new(),
            secret: false,
            is_set: true,
            updated_at: base::Timestamp::default(),
        }
    }

    #[test]
    fn stored_texts_are_read_and_what_is_broken_has_its_default() {
        let settings = Settings::from_rows(&[
            row("app_name", "Home"),
            row("default_site.action", "nonsense"),
            row("trusted_proxies", "[\"10.0.0.0/8\"]"),
            row("log.retention_files", "many"),
            row("smtp_password", "canary"),
        ]);
        assert_eq!(settings.app_name, "Home");
        assert_eq!(settings.default_site_action, DefaultSiteAction::NotFound);
        assert_eq!(settings.trusted_proxies, ["10.0.0.0/8"]);
        assert_eq!(settings.log_retention_files, 5);
        let texts = settings.texts();
        assert_eq!(texts["trusted_proxies"], "[\"10.0.0.0/8\"]");
        assert_eq!(texts["default_site.action"], "not_found");
    }

    #[test]
    fn wrong_values_are_named_by_key() {
        let mut settings = Settings {
            default_site_action: DefaultSiteAction::Redirect,
            trusted_proxies: vec!["10.0.0.0/8".to_owned(), "10.0.0.0/33".to_owned(), "lan".to_owned()],
            ui_allowed_hosts: vec!["Charon.Example.com".to_owned(), "a b".to_owned()],
            ..Settings::default()
        };
        let fields: Vec<String> = settings.check().into_iter().map(|error| error.field).collect();
        assert_eq!(
            fields,
            ["default_site.redirect_url", "trusted_proxies.1", "trusted_proxies.2", "ui.allowed_hosts.1"]
        );
        assert_eq!(settings.ui_allowed_hosts[0], "charon.example.com");
        for (url, fine) in [
            ("https://example.com", true),
            ("http://10.0.0.1:8080/a?b#c", true),
            ("http://[::1]:80/", true),
            ("ftp://example.com", false),
            ("https://", false),
            ("https://a b/", false),
            ("//example.com", false),
            ("javascript:alert(1)", false),
            ("https://example.com:0/", false),
            ("https://a@b.c/", false),
        ] {
            assert_eq!(is_absolute_url(url), fine, "{url}");
        }
    }
}
