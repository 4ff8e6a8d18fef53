//! The only SQL of Charon: entities, schema check and repair, migrations, takeover, backups.
//!
//! One table is one file: its entity and the functions on it. To add a table: write `NAME.rs`, add its line to
//! the modules below and to `schema::TABLES`; it is then created, verified, repaired and shown in health.
//! Moments are columns of milliseconds since the Unix epoch; flags are booleans; JSON is text.

mod audit;
#[cfg(test)]
mod crash_tests;
mod describe;
mod error;
mod folder;
mod handle;
mod journal;
mod live;
mod migrations;
mod open;
mod open_error;
mod postgres;
mod repair;
mod report;
mod schema;
mod sqlite;
mod step;
mod takeover;
mod vault;
mod version;

pub mod backups;

pub mod access_lists;
pub mod acme_accounts;
pub mod acme_orders;
pub mod acme_settings;
pub mod api_tokens;
pub mod caddy_configs;
pub mod certificate_checks;
pub mod counters;
pub mod crowdsec_appsec;
pub mod crowdsec_console_enrollments;
pub mod crowdsec_external;
pub mod crowdsec_preset_events;
pub mod dns_credentials;
pub mod dns_records;
pub mod domains;
pub mod import_sessions;
pub mod locations;
pub mod migration_reports;
pub mod never_banned;
pub mod notification_providers;
pub mod notification_templates;
pub mod notifications;
pub mod proxy_hosts;
pub mod remote_servers;
pub mod revision_parts;
pub mod schema_migrations;
pub mod security_audits;
pub mod security_captcha;
pub mod security_configs;
pub mod security_decisions;
pub mod security_enforcement;
pub mod security_rule_sets;
pub mod sessions;
pub mod set_aside_rows;
pub mod settings;
pub mod ssl_certificates;
pub mod uptime_heartbeats;
pub mod uptime_hosts;
pub mod uptime_monitors;
pub mod uptime_notification_events;
pub mod user_permitted_hosts;
pub mod users;

pub use audit::Audit;
pub use describe::Description;
pub use error::Error;
pub use folder::FolderError;
pub use handle::{DatabaseHealth, Options, Store};
pub use journal::Touched;
pub use open_error::{OpenError, OpenReport};
pub use repair::RepairError;
pub use report::{Change, ExtraTable, MigrationReport, SetAsideRow, TableReport};
pub use vault::{KEY_FILE, KeyError, Vault};
