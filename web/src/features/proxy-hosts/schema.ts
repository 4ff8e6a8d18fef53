// What makes a host's form complete. Only the form needs it: lists and pages do without the schema library.
import { z } from "zod";
import type { HostTls, TrafficRules, Upstream } from "@/api/schema";
import { isPortless, splitList } from "./values";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

const scheme = z.enum(["http", "https"]);
const host = z.string().trim().min(1, "hosts.form.needHost");

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text.trim()) && Number(text) <= 65535;
}

/** A Unix socket and a name with SRV records have no port: theirs is 0. */
function portFits(values: { forward_host: string; forward_port: string }): boolean {
  return (
    isPortless(values.forward_host) || (isPort(values.forward_port) && Number(values.forward_port) !== 0)
  );
}
const noPort = { path: ["forward_port"], message: "hosts.form.badPort" };

/** Where a number was asked for and something else typed; the value there is NaN. */
function wrongNumbers(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value === "number") return Number.isNaN(value) ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => wrongNumbers(each, [...path, key]));
}
function numbers<T>() {
  return z.custom<T>().superRefine((value, context) => {
    for (const path of wrongNumbers(value))
      context.addIssue({ code: "custom", path, message: "hosts.form.needNumber" });
  });
}

const target = {
  forward_scheme: scheme,
  forward_host: host,
  forward_port: z.string(),
  verify_upstream_tls: z.boolean(),
};

const header = z
  .object({ action: z.enum(["set", "add", "remove"]), name: z.string().trim(), value: z.string() })
  .refine((each) => each.name !== "", { path: ["name"], message: "hosts.form.needHeader" });

/** Whole seconds from 0 (browsers forget) to two years, as the API takes them. */
function isHstsAge(text: string): boolean {
  return /^\d{1,8}$/.test(text.trim()) && Number(text) <= 63_072_000;
}

export const hostSchema = z
  .object({
    domain_names: z.string().refine((text) => splitList(text).length > 0, "hosts.form.needDomain"),
    ...target,
    name: z.string(),
    enabled: z.boolean(),
    ssl_forced: z.boolean(),
    http2_support: z.boolean(),
    hsts_enabled: z.boolean(),
    hsts_subdomains: z.boolean(),
    hsts_max_age: z.string(),
    /** The uuid of an uploaded one, `automatic`, or nothing. */
    certificate_uuid: z.string(),
    tags: z.string(),
    locations: z.array(
      z
        .object({
          path: z.string().trim().startsWith("/", "hosts.form.needPath"),
          ...target,
          upstream: numbers<Upstream>(),
          traffic: numbers<TrafficRules>(),
          request_headers: z.array(header).nullable(),
          response_headers: z.array(header).nullable(),
        })
        .refine(portFits, noPort),
    ),
    upstream: numbers<Upstream>(),
    traffic: numbers<TrafficRules>(),
    tls: z.custom<HostTls>().superRefine((tls, context) => {
      if (tls.client_certificates?.ca_pem.trim() === "")
        context.addIssue({
          code: "custom",
          path: ["client_certificates", "ca_pem"],
          message: "hostTls.needAuthority",
        });
    }),
    request_headers: z.array(header),
    response_headers: z.array(header),
  })
  .refine(portFits, noPort)
  .refine((values) => !values.hsts_enabled || isHstsAge(values.hsts_max_age), {
    path: ["hsts_max_age"],
    message: "hosts.form.badAge",
  });

export type HostValues = z.infer<typeof hostSchema>;
