// The settings as the form holds them. Field names of a form cannot hold dots, the API's keys do.
import { z } from "zod";
import type { Settings } from "@/api/schema";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

const ACTIONS = ["not_found", "redirect", "close"] as const;

export const settingsSchema = z
  .object({
    app_name: z.string(),
    default_action: z.enum(ACTIONS),
    default_url: z.string().trim(),
    trusted_proxies: z.string(),
    allowed_hosts: z.string(),
    log_files: z
      .string()
      .trim()
      .refine(
        (text) => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1000,
        "settings.badNumber",
      ),
  })
  .refine((values) => values.default_action !== "redirect" || /^https?:\/\/\S+$/.test(values.default_url), {
    path: ["default_url"],
    message: "settings.needUrl",
  });

export type SettingsValues = z.infer<typeof settingsSchema>;

const KEYS: Record<keyof SettingsValues, string> = {
  app_name: "app_name",
  default_action: "default_site.action",
  default_url: "default_site.redirect_url",
  trusted_proxies: "trusted_proxies",
  allowed_hosts: "ui.allowed_hosts",
  log_files: "log.retention_files",
};

/** The form's field for a key of the API, with or without an index behind it. */
export function fieldOfKey(key: string): string {
  const found = Object.entries(KEYS).find(
    ([, name]) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`),
  );
  return found?.[0] ?? key;
}

function text(value: Settings[string] | undefined): string {
  return Array.isArray(value) ? value.join("\n") : value === null || value === undefined ? "" : String(value);
}

export function toValues(settings: Settings): SettingsValues {
  const action = ACTIONS.find((each) => each === settings[KEYS.default_action]) ?? "not_found";
  return {
    app_name: text(settings[KEYS.app_name]),
    default_action: action,
    default_url: text(settings[KEYS.default_url]),
    trusted_proxies: text(settings[KEYS.trusted_proxies]),
    allowed_hosts: text(settings[KEYS.allowed_hosts]),
    log_files: text(settings[KEYS.log_files]) || "5",
  };
}

function lines(value: string): string[] {
  return value.split(/[\s,]+/).filter(Boolean);
}

/** Only what differs is written, so that two people do not undo each other's changes. */
export function toWrite(values: SettingsValues, before: SettingsValues): Settings {
  const all: Settings = {
    [KEYS.app_name]: values.app_name.trim(),
    [KEYS.default_action]: values.default_action,
    [KEYS.default_url]: values.default_url,
    [KEYS.trusted_proxies]: lines(values.trusted_proxies),
    [KEYS.allowed_hosts]: lines(values.allowed_hosts),
    [KEYS.log_files]: Number(values.log_files),
  };
  const changed = (Object.keys(KEYS) as (keyof SettingsValues)[]).filter(
    (field) => values[field] !== before[field],
  );
  return Object.fromEntries(changed.map((field) => [KEYS[field], all[KEYS[field]] ?? null]));
}
