// The settings as the form holds them. Field names of a form cannot hold dots, the API's keys do.
import { z } from "zod";
import type { Settings, SettingsWrite } from "@/api/schema";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

const ACTIONS = ["not_found", "redirect", "close"] as const;
export const POLICIES = ["intermediate", "modern"] as const;
export const UNKNOWN_NAMES = ["default_certificate", "refuse"] as const;
const FORMATS = ["json", "combined"] as const;

/** The fields of a JSON line of the access log, in the order in which they stand there. */
export const LOG_FIELDS = [
  "request_id",
  "taken_id",
  "client_ip",
  "host_id",
  "host",
  "method",
  "path",
  "query",
  "protocol",
  "scheme",
  "status",
  "duration_us",
  "upstream",
  "dns_us",
  "connect_us",
  "tls_us",
  "upstream_us",
  "bytes_in",
  "bytes_out",
  "user_agent",
  "referer",
  "stop",
  "fault",
] as const;

/** A whole number within limits; empty where `least` is 0 and that means something of its own. */
function whole(least: number, most: number, message: string, empty = false) {
  return z
    .string()
    .trim()
    .refine(
      (text) =>
        (empty && text === "") || (/^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most),
      message,
    );
}

export const settingsSchema = z
  .object({
    app_name: z.string(),
    default_action: z.enum(ACTIONS),
    default_url: z.string().trim(),
    trusted_proxies: z.string(),
    tls_policy: z.enum(POLICIES),
    tls_unknown_name: z.enum(UNKNOWN_NAMES),
    allowed_hosts: z.string(),
    log_files: whole(1, 100, "settings.badFiles"),
    log_format: z.enum(FORMATS),
    log_fields: z.array(z.string()),
    log_sample: whole(1, 10_000, "settings.badSample"),
    metrics_open_to: z.string(),
    http_port: whole(1, 65_535, "settings.badPort", true),
    https_port: whole(1, 65_535, "settings.badPort", true),
    http3: z.boolean(),
    http3_early_data: z.boolean(),
  })
  .refine((values) => values.default_action !== "redirect" || /^https?:\/\/\S+$/.test(values.default_url), {
    path: ["default_url"],
    message: "settings.needUrl",
  });

export type SettingsValues = z.infer<typeof settingsSchema>;

const KEYS = {
  app_name: "app_name",
  default_action: "default_site.action",
  default_url: "default_site.redirect_url",
  trusted_proxies: "trusted_proxies",
  tls_policy: "tls.policy",
  tls_unknown_name: "tls.unknown_name",
  allowed_hosts: "ui.allowed_hosts",
  log_files: "log.retention_files",
  log_format: "log.format",
  log_fields: "log.fields",
  log_sample: "log.sample",
  metrics_open_to: "metrics.open_to",
  http_port: "proxy.http_port",
  https_port: "proxy.https_port",
  http3: "proxy.http3",
  http3_early_data: "proxy.http3_early_data",
} as const satisfies Record<keyof SettingsValues, keyof Settings>;

/** The form's field for a key of the API, with or without an index behind it. */
export function fieldOfKey(key: string): string {
  const found = Object.entries(KEYS).find(
    ([, name]) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`),
  );
  return found?.[0] ?? key;
}

export function toValues(settings: Settings): SettingsValues {
  return {
    app_name: settings.app_name,
    default_action: settings["default_site.action"],
    default_url: settings["default_site.redirect_url"],
    trusted_proxies: settings.trusted_proxies.join("\n"),
    tls_policy: settings["tls.policy"],
    tls_unknown_name: settings["tls.unknown_name"],
    allowed_hosts: settings["ui.allowed_hosts"].join("\n"),
    log_files: String(settings["log.retention_files"]),
    log_format: settings["log.format"],
    log_fields: settings["log.fields"],
    log_sample: String(settings["log.sample"]),
    metrics_open_to: settings["metrics.open_to"].join("\n"),
    http_port: portText(settings["proxy.http_port"]),
    https_port: portText(settings["proxy.https_port"]),
    http3: settings["proxy.http3"],
    http3_early_data: settings["proxy.http3_early_data"],
  };
}

/** 0 is the port of the environment, which the form shows as an empty field. */
function portText(port: number): string {
  return port === 0 ? "" : String(port);
}

function lines(value: string): string[] {
  return value.split(/[\s,]+/).filter(Boolean);
}

/** Only what differs is written, so that two people do not undo each other's changes. */
export function toWrite(values: SettingsValues, before: SettingsValues): SettingsWrite {
  const all: SettingsWrite = {
    app_name: values.app_name.trim(),
    "default_site.action": values.default_action,
    "default_site.redirect_url": values.default_url,
    trusted_proxies: lines(values.trusted_proxies),
    "tls.policy": values.tls_policy,
    "tls.unknown_name": values.tls_unknown_name,
    "ui.allowed_hosts": lines(values.allowed_hosts),
    "log.retention_files": Number(values.log_files),
    "log.format": values.log_format,
    "log.fields": values.log_fields,
    "log.sample": Number(values.log_sample),
    "metrics.open_to": lines(values.metrics_open_to),
    "proxy.http_port": Number(values.http_port),
    "proxy.https_port": Number(values.https_port),
    "proxy.http3": values.http3,
    "proxy.http3_early_data": values.http3_early_data,
  };
  const changed = (Object.keys(KEYS) as (keyof SettingsValues)[]).filter(
    (field) => String(values[field]) !== String(before[field]),
  );
  return Object.fromEntries(changed.map((field) => [KEYS[field], all[KEYS[field]]]));
}
