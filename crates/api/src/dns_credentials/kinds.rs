//! `GET /dns-credentials/kinds`.

use crate::access::Admin;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use dns01::{FieldKind, KINDS};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of DNS provider and its form.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsKind)]
pub(super) struct KindView {
    /// Its name in `kind`.
    name: &'static str,
    /// Its name for people.
    label: &'static str,
    /// What to know beforehand.
    note: &'static str,
    /// It can be used here. Programs can only where the variable `CHARON_DNS_PROGRAMS` names their folder.
    available: bool,
    fields: Vec<FieldView>,
}

/// One field of a form.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsKindField)]
struct FieldView {
    /// Its name in `fields`.
    name: &'static str,
    /// Its name for people.
    label: &'static str,
    r#type: FieldType,
    /// It must be given.
    required: bool,
    /// What holds when it is left empty.
    default: &'static str,
    /// Where to get it.
    help: &'static str,
    /// What can be chosen, when it is a choice.
    choices: Vec<&'static str>,
    /// The least number, when it is one.
    least: Option<u32>,
    /// The greatest number, when it is one.
    most: Option<u32>,
}

/// How a field is typed.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsKindFieldType)]
#[serde(rename_all = "snake_case")]
enum FieldType {
    Text,
    Secret,
    Url,
    Choice,
    Number,
}

/// The kinds of DNS providers and their forms
#[utoipa::path(
    get, path = "/dns-credentials/kinds", operation_id = "listDnsKinds", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "The kinds, in the order of their names.", body = Vec<KindView>))
)]
pub(super) async fn kinds(Ax(state): Ax<State>, _: Admin) -> Json<Vec<KindView>> {
    let field = |field: &dns01::Field| FieldView {
        name: field.name,
        label: field.label,
        r#type: match field.kind {
            FieldKind::Text => FieldType::Text,
            FieldKind::Secret => FieldType::Secret,
            FieldKind::Url => FieldType::Url,
            FieldKind::Choice(_) => FieldType::Choice,
            FieldKind::Number(..) => FieldType::Number,
        },
        required: field.default.is_none(),
        default: field.default.unwrap_or_default(),
        help: field.help,
        choices: if let FieldKind::Choice(choices) = field.kind { choices.to_vec() } else { Vec::new() },
        least: if let FieldKind::Number(least, _) = field.kind { Some(least) } else { None },
        most: if let FieldKind::Number(_, most) = field.kind { Some(most) } else { None },
    };
    let kind = |kind: &dns01::Kind| KindView {
        name: kind.name,
        label: kind.label,
        note: kind.note,
        available: !kind.runs_programs() || state.engines.runs_dns_programs(),
        fields: kind.fields.iter().map(field).collect(),
    };
    Json(KINDS.iter().map(kind).collect())
}
