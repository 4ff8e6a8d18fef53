//! How each table of the original becomes ours. What is not said here follows from our definition: same name,
//! lenient booleans, numbers, texts and moments. To carry a new column: add it to our entity, and here only if it
//! had another name or needs a check.

/// What a column needs beyond its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// As its kind says.
    Plain,
    /// A moment in the original's text; ours may be empty or not.
    Moment,
    /// Empty or seen before: the row gets a new one.
    Uuid,
    /// Empty: the row is set aside.
    Required,
    /// Empty or seen before (without case): the row is set aside.
    Unique,
    /// Not from 1 to 65535: the row is set aside.
    Port,
    /// Not JSON: the default instead, and the old text is kept aside.
    Json,
    /// JSON for people's eyes only: broken text is carried and noted.
    NotedJson,
    /// Encrypted.
    Secret,
    /// Replaced by its SHA-256, so that links which hold it still work and the table does not give it away.
    Hashed,
    /// Points at a row of a table: set aside when that row is not there.
    MustPointAt(&'static str),
    /// Points at a row of a table: none when that row is not there.
    MayPointAt(&'static str),
    /// One of these; another value (not empty) becomes the last of them, an empty one the default.
    OneOf(&'static [&'static str]),
    /// Domain names, comma separated: carried as they are; bad ones are noted.
    Domains,
    /// An e-mail address: in lower case, and unique.
    Email,
}

/// One column that needs words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Our name.
    pub(super) to: &'static str,
    /// Names in the original, the first that is not empty counts.
    pub(super) from: &'static [&'static str],
    /// What it needs.
    pub(super) rule: Rule,
}

/// One table that needs words. Tables not listed here follow from our definition alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Legacy {
    pub(super) fields: Vec<Field>,
    /// Columns that are not carried, and why.
    pub(super) dropped: &'static [(&'static str, &'static str)],
}

const fn field(to: &'static str, rule: Rule) -> Field {
    Field { to, from: &[], rule }
}

const fn from(to: &'static str, from: &'static [&'static str], rule: Rule) -> Field {
    Field { to, from, rule }
}

/// Tables that the original made and we carry, in an order in which each stands after those that it points at.
pub(super) const TABLES: &[&str] = &[
    "users",
    "settings",
    "ssl_certificates",
    "access_lists",
    "proxy_hosts",
    "locations",
    "user_permitted_hosts",
    "domains",
    "remote_servers",
    "import_sessions",
    "caddy_configs",
    "notifications",
    "notification_providers",
    "notification_templates",
    "uptime_hosts",
    "uptime_monitors",
    "uptime_heartbeats",
    "uptime_notification_events",
    "security_configs",
    "security_decisions",
    "security_audits",
    "security_rule_sets",
    "crowdsec_preset_events",
    "crowdsec_console_enrollments",
];

/// Moments whose names do not end in `_at`.
pub(super) const MOMENTS: &[&str] = &[
    "last_checked",
    "last_check",
    "last_notified_down",
    "last_notified_up",
    "last_status_change",
    "last_updated",
    "locked_until",
    "last_login",
    "invite_expires",
    "not_before",
];

/// What a table needs beyond our definition.
pub(super) fn legacy(table: &str) -> Legacy {
    use Rule::*;
    let fields: Vec<Field> = match table {
        "users" => vec![
            field("email", Email),
            field("role", OneOf(&["admin", "user", "viewer"])),
            field("permission_mode", OneOf(&["allow_all", "deny_all"])),
            from("invite_token_hash", &["invite_token"], Hashed),
        ],
        "settings" => vec![field("key", Unique)],
        "ssl_certificates" => vec![field("private_key", Secret)],
        "access_lists" => vec![field("ip_rules", NotedJson)],
        "proxy_hosts" => vec![
            field("domain_names", Domains),
            field("forward_scheme", OneOf(&["https", "http"])),
            field("forward_host", Required),
            field("forward_port", Port),
            field("certificate_id", MayPointAt("ssl_certificates")),
            field("access_list_id", MayPointAt("access_lists")),
            field("advanced_config", NotedJson),
        ],
        "locations" => vec![
            field("proxy_host_id", MustPointAt("proxy_hosts")),
            field("path", Required),
            field("forward_scheme", OneOf(&["https", "http"])),
            field("forward_host", Required),
            field("forward_port", Port),
        ],
        "user_permitted_hosts" => {
            vec![field("user_id", MustPointAt("users")), field("proxy_host_id", MustPointAt("proxy_hosts"))]
        }
        "domains" => vec![field("name", Unique)],
        "import_sessions" => vec![
            field("parsed_data", NotedJson),
            field("conflict_report", NotedJson),
            field("user_resolutions", NotedJson),
        ],
        "notifications" | "notification_templates" | "uptime_monitors" => vec![field("id", Uuid)],
        "notification_providers" => {
            vec![field("id", Uuid), field("url", Secret), field("config", Secret), field("token", Secret)]
        }
        "uptime_hosts" => vec![field("id", Uuid), field("host", Unique)],
        "uptime_notification_events" => vec![field("id", Uuid), field("monitor_ids", Json)],
        "security_configs" => vec![
            from("crowdsec_mode", &["crowd_sec_mode", "crowdsec_mode"], Plain),
            from("crowdsec_api_url", &["crowd_sec_api_url", "crowdsec_api_url"], Plain),
            field("waf_exclusions", Json),
        ],
        "security_audits" => vec![
            from("action", &["action", "event_type"], Plain),
            from("category", &["event_category"], Plain),
            from("resource_id", &["resource_uuid", "resource_id"], Plain),
        ],
        "crowdsec_preset_events" => vec![from("slug", &["slug", "name"], Plain)],
        "crowdsec_console_enrollments" => vec![
            from("tenant", &["tenant", "organization_id"], Plain),
            from("agent_name", &["agent_name", "instance_name"], Plain),
            from("enroll_key", &["enrollment_key"], Secret),
        ],
        _ => Vec::new(),
    };
    let dropped: &'static [(&str, &str)] = match table {
        "users" => &[("api_key", "the API key was dropped: nothing accepted it; make an API token instead")],
        _ => &[],
    };
    Legacy { fields, dropped }
}
