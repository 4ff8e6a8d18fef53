//! `GET /acme/checks` and `POST /acme/checks`: rehearsals.

use crate::access::{Admin, Viewer};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::{DomainPattern, FieldError, Timestamp};
use rehearsal::{Fault, Report, Severity};
use serde::{Deserialize, Serialize};
use store::certificate_checks;
use utoipa::{PartialSchema, ToSchema};

/// Which names are looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcmeCheckInput {
    /// The names; a wildcard begins with `*.`.
    #[schema(min_items = 1, max_items = 20)]
    names: Vec<NameInput>,
}

impl Input for AcmeCheckInput {}

/// A name, such as `shop.example.com` or `*.example.com`.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(as = AcmeNameInput, min_length = 1, max_length = 253, pattern = "NAME_OR_WILDCARD", example = "shop.example.com")]
struct NameInput(String);

/// What a rehearsal of a name found.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeCheck)]
pub(super) struct AcmeCheckView {
    name: String,
    verdict: AcmeVerdict,
    /// When it was looked at.
    #[schema(value_type = String, format = DateTime)]
    checked_at: Timestamp,
    /// How the name would be proven: `http-01`, `tls-alpn-01` or `dns-01`.
    challenge: String,
    /// What stands in the way, in the order in which it is mended.
    findings: Vec<FindingView>,
    /// What is in order.
    in_order: Vec<String>,
}

/// Whether the next certificate would be issued: as far as can be seen, perhaps not, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AcmeVerdict {
    Ready,
    AtRisk,
    WouldFail,
}

/// Something that stands in the way.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeFinding)]
struct FindingView {
    fault: FaultName,
    /// It prevents the next certificate; else it may.
    prevents: bool,
    /// What was seen.
    message: String,
    /// What mends it.
    remedy: String,
}

/// Which fault it is; `docs/certificates.md` has a line about each.
#[derive(Serialize)]
#[serde(transparent)]
struct FaultName(&'static str);

impl PartialSchema for FaultName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Fault::ALL.iter().map(|fault| fault.as_str())))
            .into()
    }
}

impl ToSchema for FaultName {
    fn name() -> std::borrow::Cow<'static, str> {
        "AcmeFault".into()
    }
}

impl From<Report> for AcmeCheckView {
    fn from(report: Report) -> Self {
        Self {
            verdict: match report.worst() {
                None => AcmeVerdict::Ready,
                Some(Severity::Warning) => AcmeVerdict::AtRisk,
                Some(Severity::Failure) => AcmeVerdict::WouldFail,
            },
            name: report.name,
            checked_at: report.at,
            challenge: report.proof,
            findings: report
                .findings
                .into_iter()
                .map(|finding| FindingView {
                    fault: FaultName(finding.fault.as_str()),
                    prevents: finding.severity == Severity::Failure,
                    message: finding.message,
                    remedy: finding.remedy,
                })
                .collect(),
            in_order: report.in_order,
        }
    }
}

/// Whether the next certificates would be issued
///
/// One report for each name that a host wants an automatic certificate for, of when it was last looked at: when the
/// host was saved, when settings of automatic certificates or DNS providers were, and once a day; while something
/// prevents the certificate, every 15 minutes.
#[utoipa::path(
    get, path = "/acme/checks", operation_id = "listAcmeChecks", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The reports, by name.", body = Vec<AcmeCheckView>))
)]
pub(super) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<AcmeCheckView>>> {
    let kept = certificate_checks::reports(&state.store, false).await?;
    // One that this version cannot read is made anew within a day.
    let reports = kept.iter().filter_map(|report| serde_json::from_str::<Report>(report).ok());
    Ok(Json(reports.map(AcmeCheckView::from).collect()))
}

/// Look whether certificates for names would be issued
///
/// Now, and also for names that no host has yet. Looks names up, knocks where they lead to, asks the authority for its
/// directory, and has a DNS provider that would prove the name write and remove a harmless value.
#[utoipa::path(
    post, path = "/acme/checks", operation_id = "runAcmeChecks", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    request_body = AcmeCheckInput,
    responses((status = 200, description = "The reports, in the order of the names.", body = Vec<AcmeCheckView>),
              (status = 409, description = "Nothing can be looked at now (`conflict`)."))
)]
pub(super) async fn run(
    Ax(state): Ax<State>,
    _: Admin,
    Body(input): Body<AcmeCheckInput>,
) -> Result<Json<Vec<AcmeCheckView>>> {
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    for (index, NameInput(text)) in input.names.iter().enumerate() {
        match DomainPattern::parse(text) {
            Ok(name) if names.contains(&name.as_str().to_owned()) => {}
            Ok(name) => names.push(name.as_str().to_owned()),
            Err(message) => errors.push(FieldError::new(format!("names.{index}"), message)),
        }
    }
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let reports = state.engines.rehearse(names).await.map_err(|why| Error::conflict("names", why))?;
    Ok(Json(reports.into_iter().map(AcmeCheckView::from).collect()))
}
