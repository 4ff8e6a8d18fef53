// A host as the form holds it, and the way from and to the API's form.
import type { Host, HostWrite } from "@/api/schema";
import type { HostValues } from "./schema";

export const ONE_YEAR = 31_536_000;

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
};

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
    certificate_uuid: from.certificate_uuid ?? "",
    tags: from.tags.join(", "),
    locations: from.locations.map((each) => ({
      path: each.path,
      forward_scheme: schemeOf(each.forward_scheme),
      forward_host: each.forward_host,
      forward_port: String(each.forward_port),
      verify_upstream_tls: each.verify_upstream_tls,
    })),
    request_headers: from.request_headers,
    response_headers: from.response_headers,
  };
}

export function toWrite(values: HostValues): HostWrite {
  return {
    ...values,
    name: values.name.trim(),
    domain_names: splitList(values.domain_names).join(","),
    forward_host: values.forward_host.trim(),
    forward_port: Number(values.forward_port),
    // Without HSTS the field is not shown, and whatever stands in it must not keep the host from being saved.
    hsts_max_age: values.hsts_enabled ? Number(values.hsts_max_age) : Number(values.hsts_max_age) || ONE_YEAR,
    certificate_uuid: values.certificate_uuid || null,
    tags: splitList(values.tags),
    locations: values.locations.map((each) => ({ ...each, forward_port: Number(each.forward_port) })),
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
  return `${host.forward_scheme}://${host.forward_host}:${host.forward_port}`;
}

/** Whether something carried keeps people out. A copy of the host would not have it. */
export function isProtected(host: Host): boolean {
  return host.carried.includes("access_list") || host.carried.includes("login");
}
