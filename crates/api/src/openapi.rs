//! The OpenAPI 3.1 document: collected from the handlers, completed with what is the same for many of them
//! (security, errors). It is served, committed as `docs/openapi.json`, and bodies are checked against it.

use crate::error::{FieldProblem, ProblemDetails};
use crate::schema;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

/// Where the API lies. Handlers give their path below it.
pub(crate) const ROOT: &str = "/api/v1";

const INTRODUCTION: &str = "The API of Charon, which its own user interface uses too.\n\n\
    Sign in with `POST /auth/login` and keep the cookie, or send an API token as `Authorization: Bearer chn_...`. \
    With the cookie, every request that changes something needs the header `X-Charon-CSRF: 1`.\n\n\
    Times are RFC 3339 in UTC. Errors are `application/problem+json` with a stable `code`, one sentence with the \
    remedy in `detail`, and the wrong fields in `errors`.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Charon", description = INTRODUCTION, license(name = "MIT", identifier = "MIT")),
    servers((url = "/", description = "this server")),
    components(schemas(ProblemDetails, FieldProblem)),
    tags(
        (name = "health", description = "How Charon is, for people and for monitors."),
        (name = "setup", description = "The first account."),
        (name = "auth", description = "Signing in, and the own account."),
        (name = "users", description = "Accounts."),
        (name = "api-tokens", description = "Tokens for programs."),
        (name = "proxy-hosts", description = "What is proxied where."),
        (name = "certificates", description = "Certificates of hosts."),
        (name = "revisions", description = "The history of applied configurations."),
        (name = "security", description = "CrowdSec, and who is banned."),
        (name = "settings", description = "Settings of the installation."),
        (name = "audit", description = "Who did what."),
        (name = "traffic", description = "Statistics, access log and the live channel."),
        (name = "system", description = "The process, its tasks and backups."),
        (name = "documentation", description = "This document.")
    )
)]
struct Frame;

/// The document before any handler is in it.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    frame.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = frame.components.get_or_insert_with(Default::default);
    let cookie = ApiKey::Cookie(ApiKeyValue::new("charon_session"));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    frame
}

/// The complete document.
#[derive(Clone, PartialEq, Debug)]
pub struct Document(Value);

impl Document {
    /// The document as JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The document as it is committed.
    ///
    /// # Errors
    /// Never in practice: every part of it is JSON already.
    pub fn to_pretty_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&self.0)
    }
}

/// The OpenAPI 3.1 document of this API.
pub fn openapi() -> Document {
    Document(document())
}

pub(crate) fn document() -> Value {
    let collected = crate::router::resources().into_openapi();
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    document["components"]["responses"] = error_responses();
    answers(&mut document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (_, schema) in schemas.iter_mut().filter(|(name, _)| name.ends_with("Input")) {
            plain_text(schema);
        }
    }
    // Defaults are for stored texts that cannot be read; an answer always has every setting.
    let settings = &mut document["components"]["schemas"]["Settings"];
    settings["required"] =
        settings["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let mut paths = Map::new();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if operation.is_object() {
                complete(path, method, operation);
            }
        }
        paths.insert(format!("{ROOT}{path}"), methods.take());
    }
    document["paths"] = paths.into();
    document
}

/// What is sent and shown in the same form has two schemas: in an answer every field is there. `UpstreamInput` is
/// what is sent, `Upstream` what an answer has.
fn answers(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut waiting = vec!["Host".to_owned(), "Location".to_owned()];
    let mut made = Vec::new();
    while let Some(name) = waiting.pop() {
        let Some(mut schema) = schemas.get(name.as_str()).cloned() else { continue };
        let shown = name.strip_suffix("Input").unwrap_or(&name).to_owned();
        if shown != name {
            complete_object(&mut schema);
        }
        refer(&mut schema, &mut |reference| {
            let target = reference.rsplit('/').next().unwrap_or_default().to_owned();
            let Some(plain) = target.strip_suffix("Input") else { return };
            *reference = format!("#/components/schemas/{plain}");
            if !made.contains(&target) {
                made.push(target.clone());
                waiting.push(target);
            }
        });
        schemas.insert(shown, schema);
    }
}

/// Every field of an answer is there, and nothing is said about its size or form.
fn complete_object(schema: &mut Value) {
    if let Some(fields) = schema["properties"].as_object_mut() {
        let names: Vec<Value> = fields.keys().cloned().map(Value::from).collect();
        fields.values_mut().for_each(complete_object);
        schema["required"] = names.into();
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        schema[part].as_array_mut().into_iter().flatten().for_each(complete_object);
    }
    if let Some(fields) = schema.as_object_mut() {
        let limits =
            ["pattern", "minLength", "maxLength", "minimum", "maximum", "maxItems", "default", "example"];
        fields.retain(|name, value| !limits.contains(&name.as_str()) && !value.is_null());
    }
}

/// Calls `change` with every `$ref`.
fn refer(schema: &mut Value, change: &mut impl FnMut(&mut String)) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => change(reference),
                    value => refer(value, change),
                }
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| refer(part, change)),
        _ => {}
    }
}

/// Every error status with the condition under which a route can answer it.
fn errors_of(path: &str, method: &str, operation: &Value) -> Vec<u16> {
    let public = operation["x-charon-role"] == "public";
    let body = operation["requestBody"].is_object();
    let query =
        operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["in"] == "query"));
    let changes = method != "get";
    let conditions = [
        (400, body || query || path.contains('{')),
        (401, !public),
        (403, true),
        (404, path.contains('{')),
        (413, body),
        (415, body),
        (422, body || query),
        (500, true),
        (503, true),
        (507, changes),
    ];
    conditions.into_iter().filter(|(_, can)| *can).map(|(status, _)| status).collect()
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    for status in errors_of(path, method, operation) {
        let responses = &mut operation["responses"][status.to_string()];
        if responses.is_null() {
            *responses = json!({"$ref": format!("#/components/responses/Problem{status}")});
        }
    }
    // Routes that name 409, 429 ... themselves mean the same problem document.
    for status in [409, 429] {
        let response = &mut operation["responses"][status.to_string()];
        match response.as_object_mut() {
            Some(response) => _ = response.insert("content".to_owned(), problem_content()),
            None => _ = operation["responses"].as_object_mut().map(|all| all.remove(&status.to_string())),
        }
    }
    operation["security"] = match operation["x-charon-role"].as_str() {
        Some("public") => json!([]),
        _ => json!([{"session": []}, {"token": []}]),
    };
}

/// No text that is sent may hold control characters, unless its schema says otherwise: a safe default for fields
/// that are to come. Blank is not enough where something must stand.
fn plain_text(schema: &mut Value) {
    let is_text = match &schema["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    if is_text && schema["pattern"].is_null() && schema["enum"].is_null() {
        let pattern = match (schema["format"].as_str(), schema["minLength"].as_u64()) {
            (Some("pem" | "html" | "text"), _) => schema::TEXT,
            (_, Some(1..)) => schema::NAME,
            _ => schema::LINE,
        };
        schema["pattern"] = pattern.into();
    }
    if let Some((_, pattern)) = schema::NAMED.iter().find(|(name, _)| schema["pattern"] == *name) {
        schema["pattern"] = (*pattern).into();
    }
    let parts = schema.get_mut("properties").and_then(Value::as_object_mut);
    parts.into_iter().flat_map(Map::values_mut).for_each(plain_text);
    if let Some(items) = schema.get_mut("items") {
        plain_text(items);
    }
    for form in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if form["properties"].is_object() {
            form["additionalProperties"] = false.into();
        }
        plain_text(form);
    }
}

fn problem_content() -> Value {
    json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}})
}

fn error_responses() -> Value {
    let texts = [
        (400, "The request cannot be read (`malformed`)."),
        (401, "Nobody is signed in, or no longer (`unauthenticated`)."),
        (
            403,
            "Not allowed for this account or token (`forbidden`), or refused as a possible request of another site (`csrf`, `bad-host`).",
        ),
        (404, "There is no such thing (`not-found`)."),
        (413, "The body is larger than 1 MiB (`too-large`)."),
        (415, "The body is not JSON (`unsupported-media-type`)."),
        (422, "Some fields need a correction (`validation`); `errors` names each of them."),
        (500, "A fault of Charon (`internal`); the log has the cause under the request id."),
        (
            503,
            "The database cannot be used (`database-unavailable`, `read-only`), the change is stored but not served (`not-applied`), or it took too long (`timeout`).",
        ),
        (507, "The disk is full (`disk-full`); nothing was changed."),
    ];
    let entries = texts.into_iter().map(|(status, text)| {
        (format!("Problem{status}"), json!({"description": text, "content": problem_content()}))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}
