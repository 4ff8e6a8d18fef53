//! A host as it is shown.

use super::carried::Carried;
use super::features::{HEADERS, TrafficRulesInput};
use super::tls::TlsInput;
use super::upstream::UpstreamInput;
use crate::engines::{HostPhase, HostState, ServerState};
use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use store::proxy_hosts::{HeaderAction, HeaderEdit, ProxyHost};
use utoipa::ToSchema;

/// A proxied host.
#[derive(Serialize, ToSchema)]
#[schema(as = Host)]
pub(crate) struct HostView {
    uuid: String,
    /// Display name; may be empty.
    name: String,
    /// Domains and wildcards, separated by commas.
    domain_names: String,
    /// The same as a list.
    domains: Vec<String>,
    /// `http` or `https`, towards the upstream.
    forward_scheme: String,
    /// Name or address of the upstream, or `unix:/path` or `srv:name`.
    forward_host: String,
    /// Port of the upstream; 0 with `unix:` and `srv:`.
    forward_port: i64,
    /// The certificate of an https upstream is checked.
    verify_upstream_tls: bool,
    /// HTTP is redirected to HTTPS.
    ssl_forced: bool,
    /// HTTP/2 is offered.
    http2_support: bool,
    /// Strict-Transport-Security is sent.
    hsts_enabled: bool,
    /// It holds for subdomains too.
    hsts_subdomains: bool,
    /// Its `max-age` in seconds.
    hsts_max_age: i64,
    /// Always true: WebSocket needs no switch.
    websocket_support: bool,
    /// It is to be served.
    enabled: bool,
    /// A public authority is asked for a certificate.
    automatic_certificate: bool,
    /// The uploaded certificate to present; null picks by name.
    certificate_uuid: Option<String>,
    tags: Vec<String>,
    /// Paths with upstreams of their own.
    locations: Vec<LocationView>,
    /// Edits of the request on its way to the upstream.
    request_headers: Vec<HeaderView>,
    /// Edits of the answer on its way to the client.
    response_headers: Vec<HeaderView>,
    /// Further servers, and how all of them are used.
    upstream: UpstreamInput,
    /// What is done to requests and answers.
    traffic: TrafficRulesInput,
    /// How TLS is spoken with clients.
    tls: TlsInput,
    /// Configuration of the original product: carried, not used.
    advanced_config: String,
    /// Settings carried from the original product; `give_up` of a change takes them off.
    carried: Vec<Carried>,
    /// Name of the carried access list; null when there is none.
    access_list: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// How each of its servers is, the first one first, then those of locations; empty while it is not served.
    servers: Vec<ServerState>,
    /// Whether it is served.
    pub(super) status: HostState,
}

/// A path with an upstream of its own.
#[derive(Serialize, ToSchema)]
#[schema(as = Location)]
pub(crate) struct LocationView {
    uuid: String,
    /// It takes this path and everything below it.
    path: String,
    /// `http` or `https`.
    forward_scheme: String,
    /// Name or address of the upstream, or `unix:/path` or `srv:name`.
    forward_host: String,
    /// Port of the upstream; 0 with `unix:` and `srv:`.
    forward_port: i64,
    /// The certificate of an https upstream is checked.
    verify_upstream_tls: bool,
    /// Further servers, and how all of them are used.
    upstream: UpstreamInput,
    /// What is different from the host.
    traffic: TrafficRulesInput,
    /// Edits of the request, instead of the host's; null takes the host's.
    request_headers: Option<Vec<HeaderView>>,
    /// Edits of the answer, instead of the host's; null takes the host's.
    response_headers: Option<Vec<HeaderView>>,
}

/// One edit of headers.
#[derive(Serialize, ToSchema)]
#[schema(as = HeaderEdit)]
pub(crate) struct HeaderView {
    action: ActionName,
    /// The header's name.
    name: String,
    /// Its value; empty for `remove`.
    value: String,
}

/// `set` replaces every header of that name, `add` adds one more, `remove` takes all away.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HeaderAction)]
pub(crate) enum ActionName {
    Set,
    Add,
    Remove,
}

impl From<ActionName> for HeaderAction {
    fn from(action: ActionName) -> Self {
        match action {
            ActionName::Set => Self::Set,
            ActionName::Add => Self::Add,
            ActionName::Remove => Self::Remove,
        }
    }
}

/// What is needed to show hosts: the engines' view, and names of certificates.
pub(crate) struct Shown {
    states: HashMap<String, HostState>,
    servers: HashMap<String, Vec<ServerState>>,
    certificates: HashMap<i64, String>,
    access_lists: HashMap<i64, String>,
}

impl Shown {
    pub(crate) async fn load(state: &State) -> Result<Self> {
        let certificates = store::ssl_certificates::uuids(&state.store).await?;
        let access_lists = store::access_lists::list(&state.store).await?;
        Ok(Self {
            states: state.engines.host_states(),
            servers: state.engines.servers(),
            certificates,
            access_lists: access_lists.into_iter().map(|row| (row.id, row.name)).collect(),
        })
    }

    /// What is needed to show this host alone: there may be ten thousand others.
    pub(crate) async fn load_for(state: &State, host: &ProxyHost) -> Result<Self> {
        let mut shown = Self {
            states: HashMap::new(),
            servers: HashMap::new(),
            certificates: HashMap::new(),
            access_lists: HashMap::new(),
        };
        let (fact, servers) = state.engines.host(&host.uuid);
        shown.states.extend(fact.map(|fact| (host.uuid.clone(), fact)));
        shown.servers.insert(host.uuid.clone(), servers);
        if let Some(id) = host.certificate_id {
            let uuid = store::ssl_certificates::uuid_of(&state.store, id).await?;
            shown.certificates.extend(uuid.map(|uuid| (id, uuid)));
        }
        if host.access_list_id.is_some() {
            let lists = store::access_lists::list(&state.store).await?;
            shown.access_lists.extend(lists.into_iter().map(|row| (row.id, row.name)));
        }
        Ok(shown)
    }

    pub(crate) fn host(&self, host: ProxyHost) -> HostView {
        let status = status(&host, self.states.get(&host.uuid));
        let values = host.values;
        let carried = Carried::of(&values);
        HostView {
            servers: self.servers.get(&host.uuid).cloned().unwrap_or_default(),
            uuid: host.uuid,
            name: values.name,
            domain_names: values.domain_names.join(","),
            domains: values.domain_names,
            forward_scheme: values.forward_scheme,
            forward_host: values.forward_host,
            forward_port: values.forward_port,
            verify_upstream_tls: values.verify_upstream_tls,
            ssl_forced: values.ssl_forced,
            http2_support: values.http2_support,
            hsts_enabled: values.hsts_enabled,
            hsts_subdomains: values.hsts_subdomains,
            hsts_max_age: values.hsts_max_age,
            websocket_support: true,
            enabled: values.enabled,
            automatic_certificate: values.automatic_certificate,
            certificate_uuid: values.certificate_id.and_then(|id| self.certificates.get(&id).cloned()),
            tags: values.tags,
            locations: values.locations.into_iter().map(location).collect(),
            request_headers: values.request_headers.into_iter().map(header).collect(),
            response_headers: values.response_headers.into_iter().map(header).collect(),
            upstream: UpstreamInput::shown(&values.upstream),
            traffic: TrafficRulesInput::shown(&values.traffic),
            tls: TlsInput::shown(&values.tls),
            carried,
            access_list: values.access_list_id.and_then(|id| self.access_lists.get(&id).cloned()),
            advanced_config: values.advanced_config,
            created_at: host.created_at,
            updated_at: host.updated_at,
            status,
        }
    }
}

fn location(row: store::locations::Location) -> LocationView {
    let [request_headers, response_headers] = HEADERS.map(|name| {
        let stored = row.traffic.get(name).cloned()?;
        let edits: Vec<HeaderEdit> = serde_json::from_value(stored).ok()?;
        Some(edits.into_iter().map(header).collect())
    });
    LocationView {
        upstream: UpstreamInput::shown(&row.upstream),
        traffic: TrafficRulesInput::shown(&row.traffic),
        request_headers,
        response_headers,
        uuid: row.uuid,
        path: row.path,
        forward_scheme: row.forward_scheme,
        forward_host: row.forward_host,
        forward_port: row.forward_port,
        verify_upstream_tls: row.verify_upstream_tls,
    }
}

fn header(edit: HeaderEdit) -> HeaderView {
    let action = match edit.action {
        HeaderAction::Set => ActionName::Set,
        HeaderAction::Add => ActionName::Add,
        HeaderAction::Remove => ActionName::Remove,
    };
    HeaderView { action, name: edit.name, value: edit.value }
}

/// The wish (the row) beside the fact (the engines' view). Where they differ, the change is on its way.
fn status(host: &ProxyHost, fact: Option<&HostState>) -> HostState {
    let pending = |message: &str| HostState {
        state: HostPhase::Pending,
        since: host.updated_at,
        revision: fact.and_then(|fact| fact.revision),
        message: message.to_owned(),
        remedy: "wait a moment; if it stays so, look at Needs attention".to_owned(),
    };
    match (host.enabled, fact) {
        (true, Some(fact)) if fact.state != HostPhase::Disabled => fact.clone(),
        (true, _) => pending("the host is stored and not served yet"),
        (false, Some(fact)) if fact.state == HostPhase::Serving => {
            pending("the host is switched off and still served until that is applied")
        }
        (false, _) => HostState {
            state: HostPhase::Disabled,
            since: host.updated_at,
            revision: None,
            message: String::new(),
            remedy: String::new(),
        },
    }
}
