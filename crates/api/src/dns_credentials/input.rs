//! What a person enters about a DNS provider, and what is wrong with it.

use crate::error::{Error, Result};
use crate::input::Input;
use crate::state::State;
use base::{Domain, FieldError, Secret};
use dns01::{FieldKind, Kind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::dns_credentials::{self, DnsCredential, DnsCredentialValues, Secrets};
use utoipa::ToSchema;

/// A DNS provider. A secret that is left out or empty stays as it is stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DnsCredentialInput {
    /// Display name.
    #[schema(min_length = 1, max_length = 100, example = "Cloudflare at home")]
    name: String,
    /// Its kind, as `/dns-credentials/kinds` lists them.
    #[schema(min_length = 1, max_length = 40, pattern = "HEADER_NAME", example = "cloudflare")]
    kind: String,
    /// The zones that it writes to. A zone can stand at one provider only.
    #[schema(min_items = 1, max_items = 100)]
    zones: Vec<ZoneInput>,
    /// What is typed in the fields of its kind.
    #[schema(max_items = 20)]
    fields: Vec<DnsFieldInput>,
    /// Prove every name of the zones by it, not only wildcards and the names beside them. Default false.
    #[serde(default)]
    #[schema(nullable = false)]
    every_name: Option<bool>,
    /// How many seconds a record may take until all servers of its zone show it. Default 120.
    #[serde(default)]
    #[schema(nullable = false, minimum = 10, maximum = 1800)]
    wait_seconds: Option<u64>,
}

impl Input for DnsCredentialInput {
    const IGNORED: &'static [&'static str] =
        &["uuid", "secret_fields", "used_by", "created_at", "updated_at"];
}

/// A zone, such as `example.com`.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(as = DnsZoneInput, min_length = 1, max_length = 253, pattern = "NAME_OF_HOST", example = "example.com")]
struct ZoneInput(String);

/// A field of the form and what is typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DnsFieldInput {
    #[schema(min_length = 1, max_length = 40, pattern = "HEADER_NAME", example = "token")]
    name: String,
    #[schema(max_length = 8192, format = "text", example = "")]
    value: String,
}

/// What is to be stored.
pub(super) struct Checked {
    pub(super) values: DnsCredentialValues,
    pub(super) secrets: Secrets,
}

impl DnsCredentialInput {
    /// Checks it, in the place of `before`. All faults at once, as far as they do not hide each other.
    pub(super) async fn check(self, state: &State, before: Option<&DnsCredential>) -> Result<Checked> {
        let mut errors = Vec::new();
        let zones = self.zones(state, before, &mut errors).await?;
        let Some(kind) = dns01::kind(self.kind.trim()) else {
            let known: Vec<_> = dns01::KINDS.iter().map(|kind| kind.name).collect();
            errors.push(FieldError::new("kind", format!("is not known; write one of {}", known.join(", "))));
            return Err(Error::Validation(errors));
        };
        let mut typed: BTreeMap<String, String> = BTreeMap::new();
        for DnsFieldInput { name, value } in self.fields {
            if typed.insert(name.clone(), value).is_some() {
                errors.push(FieldError::new(format!("fields.{name}"), "stands there twice; write it once"));
            }
        }
        let stored = match before.filter(|before| before.values.kind == kind.name) {
            Some(before) => Some((before, open(state, before).await?)),
            None => None,
        };
        let (settings, secrets) = split(kind, typed, stored, &mut errors);
        let plain = settings.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone())));
        let given: Secrets = plain.chain(secrets.clone()).collect();
        // What is wrong with a field already would hide the rest.
        let is_known = errors.iter().any(|error| error.field.starts_with("fields."));
        if !is_known && let Err(error) = state.engines.check_dns(kind, &given) {
            errors.push(FieldError::new(format!("fields.{}", error.field), error.reason));
        }
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        let values = DnsCredentialValues {
            name: self.name.trim().to_owned(),
            kind: kind.name.to_owned(),
            zones,
            settings,
            every_name: self.every_name.unwrap_or(before.is_some_and(|before| before.values.every_name)),
            wait: match (self.wait_seconds, before) {
                (Some(seconds), _) => Duration::from_secs(seconds),
                (None, Some(before)) => before.values.wait,
                (None, None) => Duration::from_secs(120),
            },
        };
        Ok(Checked { values, secrets })
    }

    async fn zones(
        &self,
        state: &State,
        before: Option<&DnsCredential>,
        errors: &mut Vec<FieldError>,
    ) -> Result<Vec<String>> {
        let others = dns_credentials::list(&state.store).await?;
        let mut zones = BTreeSet::new();
        for (number, ZoneInput(text)) in self.zones.iter().enumerate() {
            let mut fault =
                |message: String| errors.push(FieldError::new(format!("zones.{number}"), message));
            let text = text.trim().trim_start_matches("*.").trim_end_matches('.');
            match Domain::parse(text) {
                Err(error) => fault(error.to_string()),
                Ok(zone) => {
                    let zone = zone.as_str().to_owned();
                    let holds = |other: &&DnsCredential| {
                        before.is_none_or(|before| before.uuid != other.uuid)
                            && other.values.zones.contains(&zone)
                    };
                    if let Some(other) = others.iter().find(holds) {
                        let name = &other.values.name;
                        fault(format!("stands at DNS provider {name} already; take it out there, or here"));
                    }
                    zones.insert(zone);
                }
            }
        }
        Ok(zones.into_iter().collect())
    }
}

/// The secrets that are stored. When they cannot be opened they have to be typed anew, all of them.
async fn open(state: &State, before: &DnsCredential) -> Result<Secrets> {
    match dns_credentials::secrets(&state.store, &before.uuid).await {
        Ok(secrets) => Ok(secrets),
        Err(store::Error::Secret(_)) => Ok(Secrets::new()),
        Err(error) => Err(error.into()),
    }
}

/// Parts what was typed into settings and secrets. A stored secret stays where none is typed, but it is sent to no
/// other address than the one that it was typed for.
fn split(
    kind: &Kind,
    mut typed: BTreeMap<String, String>,
    stored: Option<(&DnsCredential, Secrets)>,
    errors: &mut Vec<FieldError>,
) -> (BTreeMap<String, String>, Secrets) {
    let (mut settings, mut secrets) = (BTreeMap::new(), Secrets::new());
    let (before, mut stored) = match stored {
        Some((before, secrets)) => (Some(&before.values.settings), secrets),
        None => (None, Secrets::new()),
    };
    for field in kind.fields.iter().filter(|field| field.kind != FieldKind::Secret) {
        if let Some(value) =
            typed.remove(field.name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        {
            settings.insert(field.name.to_owned(), value);
        }
    }
    let leads = |field: &&dns01::Field| field.leads_there();
    let moved = before.is_some_and(|before| {
        kind.fields.iter().filter(leads).any(|field| before.get(field.name) != settings.get(field.name))
    });
    for field in kind.fields.iter().filter(|field| field.kind == FieldKind::Secret) {
        let value = typed.remove(field.name).filter(|value| !value.trim().is_empty());
        match (value, stored.remove(field.name)) {
            (Some(value), _) => {
                _ = secrets.insert(field.name.to_owned(), Secret::new(value.trim().to_owned()))
            }
            (None, Some(_)) if moved => {
                let message = "enter it again: the one that is stored belongs to another address";
                errors.push(FieldError::new(format!("fields.{}", field.name), message));
            }
            (None, Some(stored)) => _ = secrets.insert(field.name.to_owned(), stored),
            (None, None) => {}
        }
    }
    for (name, value) in typed {
        // The schema of the kind says which there are.
        settings.insert(name, value);
    }
    (settings, secrets)
}
