//! `PUT /acme`.

use super::view::{AcmeView, ChallengeKind, KeyKind};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::{FieldError, Secret};
use serde::Deserialize;
use store::acme_settings::{self, Authority};
use utoipa::ToSchema;

/// What is to change. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcmeInput {
    /// Where the authority sends warnings; empty for nowhere.
    #[serde(default)]
    #[schema(nullable = false, max_length = 254, example = "me@example.com")]
    email: Option<String>,
    /// Agree to the authority's terms.
    #[serde(default)]
    #[schema(nullable = false)]
    terms_agreed: Option<bool>,
    #[serde(default)]
    #[schema(nullable = false)]
    first: Option<AuthorityInput>,
    #[serde(default)]
    #[schema(nullable = false)]
    second: Option<AuthorityInput>,
    #[serde(default)]
    #[schema(nullable = false)]
    trial: Option<AuthorityInput>,
    #[serde(default)]
    #[schema(nullable = false)]
    key_type: Option<KeyKind>,
    /// Profile of the authority; empty for its own choice.
    #[serde(default)]
    #[schema(nullable = false, max_length = 64, example = "shortlived")]
    profile: Option<String>,
    /// Where an authority offers several chains, the one that ends in a certificate of this issuer; empty for its own
    /// choice.
    #[serde(default)]
    #[schema(nullable = false, max_length = 200, example = "ISRG Root X1")]
    preferred_chain: Option<String>,
    #[serde(default)]
    #[schema(nullable = false)]
    challenge: Option<ChallengeKind>,
}

/// A certificate authority. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = AcmeAuthorityInput)]
#[serde(deny_unknown_fields)]
struct AuthorityInput {
    /// Address of its ACME directory, with https; empty for none.
    #[serde(default)]
    #[schema(nullable = false, max_length = 500, example = "https://acme-v02.api.letsencrypt.org/directory")]
    directory: Option<String>,
    /// Root certificates (PEM) that its address is trusted by besides the system's; empty for none.
    #[serde(default)]
    #[schema(nullable = false, max_length = 100000, format = "pem", example = "")]
    roots_pem: Option<String>,
    /// Name of the key that binds the account to one there (external account binding); empty for none.
    #[serde(default)]
    #[schema(nullable = false, max_length = 500, example = "")]
    eab_key_id: Option<String>,
    /// That key, base64url. It is stored encrypted and never shown.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 1000, write_only)]
    eab_key: Option<String>,
}

impl Input for AcmeInput {}

/// Change how automatic certificates are asked for
///
/// It holds for the next orders; certificates that serve are not touched.
#[utoipa::path(
    put, path = "/acme", operation_id = "updateAcme", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))), request_body = AcmeInput,
    responses((status = 200, description = "It is stored.", body = AcmeView))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AcmeInput>,
) -> Result<Json<AcmeView>> {
    let mut settings = acme_settings::get(&state.store).await?;
    let mut errors = Vec::new();
    if let Some(email) = input.email {
        settings.email = email.trim().to_owned();
        let is_plain = settings.email.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && domain.contains('.') && !settings.email.contains(char::is_whitespace)
        });
        if !settings.email.is_empty() && !is_plain {
            errors.push(FieldError::new("email", "write an address like me@example.com, or leave it empty"));
        }
    }
    settings.terms_agreed = input.terms_agreed.unwrap_or(settings.terms_agreed);
    if let Some(kind) = input.key_type {
        kind.as_str().clone_into(&mut settings.key_type);
    }
    if let Some(challenge) = input.challenge {
        challenge.as_str().clone_into(&mut settings.challenge);
    }
    if let Some(profile) = input.profile {
        settings.profile = profile.trim().to_owned();
    }
    if let Some(issuer) = input.preferred_chain {
        settings.preferred_chain = issuer.trim().to_owned();
    }
    for (field, sent, authority) in [
        ("first", input.first, &mut settings.first),
        ("second", input.second, &mut settings.second),
        ("trial", input.trial, &mut settings.trial),
    ] {
        if let Some(sent) = sent {
            sent.apply(field, authority, &mut errors);
        }
    }
    if settings.first.directory.is_empty() {
        errors.push(FieldError::new("first.directory", "is missing; there has to be an authority to ask"));
    }
    if settings.first.directory == settings.second.directory {
        let message = "is the first authority's already; choose another one, or leave it empty";
        errors.push(FieldError::new("second.directory", message));
    }
    let trial = &settings.trial.directory;
    if !trial.is_empty() && [&settings.first.directory, &settings.second.directory].contains(&trial) {
        let message =
            "is asked for real already; choose one whose certificates nobody needs, or leave it empty";
        errors.push(FieldError::new("trial.directory", message));
    }
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let audit =
        facts.audit(&caller.actor(), "acme", "update", "Changed how automatic certificates are asked for");
    acme_settings::set(&state.store, &settings, audit).await?;
    Ok(Json(AcmeView::read(&state).await?))
}

impl AuthorityInput {
    fn apply(self, field: &str, authority: &mut Authority, errors: &mut Vec<FieldError>) {
        let mut fault =
            |name: &str, message: String| errors.push(FieldError::new(format!("{field}.{name}"), message));
        if let Some(directory) = self.directory {
            authority.directory = directory.trim().to_owned();
            let host = authority.directory.strip_prefix("https://").map(|rest| rest.split('/').next());
            let is_plain = host.flatten().is_some_and(|host| !host.is_empty())
                && authority.directory.is_ascii()
                && !authority.directory.contains(char::is_whitespace);
            if !authority.directory.is_empty() && !is_plain {
                fault(
                    "directory",
                    "write the address of an ACME directory that begins with https://".to_owned(),
                );
            }
        }
        if let Some(pem) = self.roots_pem {
            authority.roots_pem = pem.trim().to_owned();
            if !authority.roots_pem.is_empty()
                && let Err(error) = certs::read_roots(&authority.roots_pem)
            {
                fault("roots_pem", error.to_string());
            }
        }
        if let Some(id) = self.eab_key_id {
            authority.eab_key_id = id.trim().to_owned();
            if authority.eab_key_id.is_empty() {
                authority.eab_key = None;
            }
        }
        if let Some(key) = self.eab_key {
            authority.eab_key = Some(Secret::new(key.trim().to_owned()));
            if authority.eab_key_id.is_empty() {
                fault("eab_key_id", "is missing; the authority shows it beside the key".to_owned());
            }
        }
        if !authority.eab_key_id.is_empty() && authority.eab_key.is_none() {
            fault("eab_key", "is missing; the authority shows it beside the key id".to_owned());
        }
    }
}
