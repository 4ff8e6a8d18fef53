//! `POST /certificates/{uuid}/export`.

use crate::access::{Admin, Via};
use crate::auth::me_update::check_password;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use store::ssl_certificates;
use utoipa::ToSchema;

/// The fewest characters of a password for a file that leaves this machine.
const LEAST_PASSWORD: usize = 8;

/// What a file of a certificate is to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    /// The chain as PEM, without the key.
    Chain,
    /// The chain and then its key, both as PEM. The key is not encrypted.
    Pem,
    /// Chain and key as PKCS #12, encrypted with `password` (AES-256).
    Pfx,
}

/// Which file is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportInput {
    format: ExportFormat,
    /// What the file is encrypted with, for `pfx`: at least eight characters.
    #[serde(default)]
    #[schema(max_length = 200, format = "password", write_only)]
    password: Option<String>,
    /// The password of the own account, when a person who is signed in wants the key. Tokens need none.
    #[serde(default)]
    #[schema(max_length = 200, format = "password", write_only)]
    current_password: Option<String>,
}

impl Input for ExportInput {}

/// A file of a certificate.
#[derive(Serialize, ToSchema)]
pub(crate) struct CertificateFile {
    /// A name for it.
    #[schema(example = "shop.example.com.pfx")]
    file_name: String,
    /// The file (base64).
    #[schema(format = "byte")]
    content: String,
}

/// Take a certificate elsewhere
///
/// Whoever takes the private key along stands in the audit log.
#[utoipa::path(
    post, path = "/certificates/{uuid}/export", operation_id = "exportCertificate", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The certificate's uuid.")),
    request_body = ExportInput,
    responses((status = 200, description = "The file.", body = CertificateFile),
              (status = 409, description = "There is nothing in it that could be exported (`conflict`)."),
              (status = 429, description = "Too many wrong passwords (`too-many-attempts`)."))
)]
pub(crate) async fn export(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<ExportInput>,
) -> Result<Json<CertificateFile>> {
    let row = super::find(&state, &uuid.0).await?;
    if row.certificate.trim().is_empty() {
        return Err(Error::conflict("uuid", "no certificate is stored; upload it anew first"));
    }
    if input.format == ExportFormat::Chain {
        return Ok(Json(CertificateFile::new(&row.name, "pem", row.certificate.as_bytes())));
    }
    if !row.has_key {
        return Err(Error::conflict("uuid", "its private key is not stored; take the chain without it"));
    }
    let password = Secret::new(input.password.unwrap_or_default());
    if input.format == ExportFormat::Pfx && password.expose().chars().count() < LEAST_PASSWORD {
        let message = format!("choose at least {LEAST_PASSWORD} characters: whoever has them has the key");
        return Err(Error::field("password", message));
    }
    if let Via::Session(_) = caller.via {
        let given = Secret::new(input.current_password.unwrap_or_default());
        check_password(&state, &caller.user, given, "current_password").await?;
    }
    let ending = if input.format == ExportFormat::Pfx { "pfx" } else { "pem" };
    let details = format!("Took the private key of certificate {} along, as {ending}", row.name);
    let audit = facts.audit(&caller.actor(), "certificate", "export", details);
    let key = ssl_certificates::take_key(&state.store, &row.uuid, audit).await?;
    let content = match input.format {
        ExportFormat::Pfx => {
            // Deriving its keys takes milliseconds of one core.
            let (name, chain) = (row.name.clone(), row.certificate.clone());
            let made = passwords::blocking(move || certs::pfx(&name, &chain, &key, &password)).await?;
            made.map_err(|error| Error::conflict("uuid", error.to_string()))?
        }
        _ => format!("{}\n{}\n", row.certificate.trim_end(), key.expose().trim_end()).into_bytes(),
    };
    Ok(Json(CertificateFile::new(&row.name, ending, &content)))
}

impl CertificateFile {
    fn new(name: &str, ending: &str, content: &[u8]) -> Self {
        let plain: String = name
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() || ".-_".contains(one) { one } else { '-' })
            .collect();
        let plain = plain.trim_matches(['-', '.']);
        let plain = if plain.is_empty() { "certificate" } else { plain };
        Self { file_name: format!("{plain}.{ending}"), content: STANDARD.encode(content) }
    }
}

#[cfg(test)]
mod tests {
    use super::CertificateFile;

    #[test]
    fn a_file_has_a_name_that_every_system_takes() {
        for (name, expected) in [
            ("shop.example.com", "shop.example.com.pem"),
            ("*.example.com, example.com", "example.com--example.com.pem"),
            ("../../etc/passwd", "etc-passwd.pem"),
            ("…", "certificate.pem"),
        ] {
            assert_eq!(CertificateFile::new(name, "pem", b"").file_name, expected);
        }
    }
}
