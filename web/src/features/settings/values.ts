// The settings as the form holds them. Field names of a form cannot hold dots, the API's keys do.
import { z } from "zod";
import type { Settings, SettingsWrite } from "@/api/schema";

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

const KEYS = {
  app_name: "app_name",
  default_action: "default_site.action",
  default_url: "default_site.redirect_url",
  trusted_proxies: "trusted_proxies",
  allowed_hosts: "ui.allowed_hosts",
  log_files: "log.retention_files",
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
    allowed_hosts: settings["ui.allowed_hosts"].join("\n"),
    log_files: String(settings["log.retention_files"]),
  };
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
    "ui.allowed_hosts": lines(values.allowed_hosts),
    "log.retention_files": Number(values.log_files),
  };
  const changed = (Object.keys(KEYS) as (keyof SettingsValues)[]).filter(
    (field) => values[field] !== before[field],
  );
  return Object.fromEntries(changed.map((field) => [KEYS[field], all[KEYS[field]]]));
}
