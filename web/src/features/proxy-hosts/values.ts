// A host as the form holds it, and the way from and to the API's form.
import type { Host, HostTls, HostWrite, TrafficRules, Upstream } from "@/api/schema";
import type { HostValues } from "./schema";

export const ONE_YEAR = 31_536_000;

/** One server and nothing set: what the API shows of a host that was made with three fields. */
export const ONE_SERVER: Upstream = {
  weight: 1,
  servers: [],
  balance: "round_robin",
  sticky: null,
  health: null,
  passive: { failures: 3, window_ms: 10_000, back_off_ms: 1_000, max_back_off_ms: 60_000, statuses: "" },
  all_down: "try_all",
  limits: { max_connections: null, queue: 100, queue_timeout_ms: 5_000 },
  timeouts: { connect_ms: null, read_ms: null, write_ms: null, pause_ms: null },
  protocol: "http1",
  tls: { ca_pem: null, client_certificate_uuid: null, server_name: null },
  send_proxy_protocol: null,
};

export const NO_TRAFFIC_RULES: TrafficRules = {
  rewrite: null,
  redirects: null,
  cors: null,
  security_headers: null,
  compression: null,
  maintenance: null,
  error_pages: null,
  max_body: null,
  buffer_body: null,
  request_id: null,
};

/** The usual way. */
export const USUAL_TLS: HostTls = { policy: null, client_certificates: null, hsts_preload: false };

/** In the place of a certificate's uuid: a public authority is asked for one. */
export const AUTOMATIC = "automatic";

export const EMPTY: HostValues = {
  domain_names: "",
  forward_scheme: "http",
  forward_host: "",
  forward_port: "",
  verify_upstream_tls: true,
  name: "",
  enabled: true,
  ssl_forced: false,
  http2_support: true,
  hsts_enabled: false,
  hsts_subdomains: false,
  hsts_max_age: String(ONE_YEAR),
  certificate_uuid: "",
  tags: "",
  locations: [],
  request_headers: [],
  response_headers: [],
  upstream: ONE_SERVER,
  traffic: NO_TRAFFIC_RULES,
  tls: USUAL_TLS,
};

/** Whether a target has no port of its own. */
export function isPortless(host: string): boolean {
  return /^\s*(unix|srv):/.test(host);
}

function portOf(target: { forward_host: string; forward_port: string }): number {
  return isPortless(target.forward_host) ? 0 : Number(target.forward_port);
}

/** Words separated by commas, spaces or lines. */
export function splitList(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function schemeOf(text: string): "http" | "https" {
  return text === "https" ? "https" : "http";
}

export function toValues(from: Host): HostValues {
  return {
    domain_names: from.domains.join(", "),
    forward_scheme: schemeOf(from.forward_scheme),
    forward_host: from.forward_host,
    forward_port: String(from.forward_port),
    verify_upstream_tls: from.verify_upstream_tls,
    name: from.name,
    enabled: from.enabled,
    ssl_forced: from.ssl_forced,
    http2_support: from.http2_support,
    hsts_enabled: from.hsts_enabled,
    hsts_subdomains: from.hsts_subdomains,
    hsts_max_age: String(from.hsts_max_age),
    certificate_uuid: from.certificate_uuid ?? (from.automatic_certificate ? AUTOMATIC : ""),
    tags: from.tags.join(", "),
    locations: from.locations.map((each) => ({
      path: each.path,
      forward_scheme: schemeOf(each.forward_scheme),
      forward_host: each.forward_host,
      forward_port: String(each.forward_port),
      verify_upstream_tls: each.verify_upstream_tls,
      upstream: each.upstream,
      traffic: each.traffic,
      request_headers: each.request_headers ?? null,
      response_headers: each.response_headers ?? null,
    })),
    request_headers: from.request_headers,
    response_headers: from.response_headers,
    upstream: from.upstream,
    traffic: from.traffic,
    tls: from.tls,
  };
}

/** What is sent. `upstream`, `traffic` and `tls` are left out while they are as in `before`: then they stay. */
export function toWrite(
  { upstream, traffic, tls: wanted, ...values }: HostValues,
  before: HostValues,
): HostWrite {
  const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  // Without HSTS its switch is not shown, and must not keep the host from being saved.
  const tls = values.hsts_enabled ? wanted : { ...wanted, hsts_preload: false };
  return {
    ...values,
    ...(same(upstream, before.upstream) ? {} : { upstream }),
    ...(same(traffic, before.traffic) ? {} : { traffic }),
    ...(same(tls, before.tls) ? {} : { tls }),
    name: values.name.trim(),
    domain_names: splitList(values.domain_names).join(","),
    forward_host: values.forward_host.trim(),
    forward_port: portOf(values),
    // Without HSTS the field is not shown, and whatever stands in it must not keep the host from being saved.
    hsts_max_age: values.hsts_enabled ? Number(values.hsts_max_age) : Number(values.hsts_max_age) || ONE_YEAR,
    certificate_uuid: values.certificate_uuid === AUTOMATIC ? null : values.certificate_uuid || null,
    automatic_certificate: values.certificate_uuid === AUTOMATIC,
    tags: splitList(values.tags),
    locations: values.locations.map((each) => ({
      ...each,
      forward_host: each.forward_host.trim(),
      forward_port: portOf(each),
    })),
  };
}

/** Splits a pasted address into the three parts of a target; null when it is only a name. */
export function splitTarget(text: string): { scheme?: "http" | "https"; host: string; port?: string } | null {
  const match = /^\s*(?:(https?):\/\/)?(\[[^\]]+\]|[^/:\s[\]]+)(?::(\d{1,5}))?(?:\/\S*)?\s*$/i.exec(text);
  if (!match) return null;
  const [, scheme, name = "", port] = match;
  if (!scheme && !port) return null;
  const known = scheme?.toLowerCase() === "https" ? "https" : scheme ? "http" : undefined;
  const standard = known === "https" ? "443" : known === "http" ? "80" : undefined;
  const chosen = port ?? standard;
  return { host: name, ...(known ? { scheme: known } : {}), ...(chosen ? { port: chosen } : {}) };
}

export function hostName(host: Pick<Host, "name" | "domains">): string {
  return host.name || host.domains[0] || "";
}

export function targetText(host: {
  forward_scheme: string;
  forward_host: string;
  forward_port: number | string;
}): string {
  const port = isPortless(host.forward_host) ? "" : `:${host.forward_port}`;
  return `${host.forward_scheme}://${host.forward_host}${port}`;
}

/** How a host stands for people: one whose maintenance is on serves a page that says so, not its site. */
export function phaseOf(host: Pick<Host, "status" | "traffic">): Phase {
  const { state } = host.status;
  return state === "serving" && host.traffic.maintenance?.enabled ? "maintenance" : state;
}
export type Phase = Host["status"]["state"] | "maintenance";

/** Whether something carried keeps people out. A copy of the host would not have it. */
export function isProtected(host: Host): boolean {
  return host.carried.includes("access_list") || host.carried.includes("login");
}

/** How a host asks clients for certificates. */
export function tlsModeOf(tls: HostTls): "none" | "optional" | "required" {
  if (!tls.client_certificates) return "none";
  return tls.client_certificates.required ? "required" : "optional";
}
