// What is usual for the servers of a host, and what is set in a few words.
import type { TFunction } from "i18next";
import type { Upstream } from "@/api/schema";
import { ONE_SERVER } from "./values";

export const HEALTH: NonNullable<Upstream["health"]> = {
  path: "/",
  host: null,
  statuses: "200-399",
  body: null,
  interval_ms: 10_000,
  timeout_ms: 5_000,
  rise: 2,
  fall: 3,
  slow_start_ms: 0,
};
export const STICKY: NonNullable<Upstream["sticky"]> = { cookie: "charon_server", max_age_s: null };

/** The folded parts, each with the fields that it shows. */
export const PARTS = {
  health: ["health"],
  passive: ["passive", "all_down"],
  limits: ["timeouts", "limits"],
  connection: ["protocol", "send_proxy_protocol", "tls"],
} as const satisfies Record<string, readonly (keyof Upstream)[]>;
export type PartName = keyof typeof PARTS;

function seconds(millis: number): string {
  return `${millis / 1000} s`;
}

/** What a part holds, in a few words; null when it is as usual. */
export function describe(t: TFunction, part: PartName, value: Upstream): string | null {
  const usual = PARTS[part].every((name) => JSON.stringify(value[name]) === JSON.stringify(ONE_SERVER[name]));
  if (usual) return null;
  const { health, passive, limits, timeouts, tls } = value;
  switch (part) {
    case "health":
      return health
        ? t(health.path === null ? "hostServers.says.connects" : "hostServers.says.asks", {
            path: health.path,
            every: seconds(health.interval_ms),
          })
        : null;
    case "passive":
      return [
        passive.failures > 0
          ? t("hostServers.says.failures", {
              count: passive.failures,
              window: seconds(passive.window_ms),
            })
          : t("hostServers.says.neverAside"),
        ...(value.all_down === "refuse" ? [t("hostServers.says.refuse")] : []),
      ].join(", ");
    case "limits":
      return [
        ...(["connect", "read", "write", "pause"] as const).flatMap((name) => {
          const set = timeouts[`${name}_ms`];
          return set ? [`${t(`hostServers.says.${name}`)} ${seconds(set)}`] : [];
        }),
        ...(limits.max_connections ? [t("hostServers.says.atOnce", { count: limits.max_connections })] : []),
      ].join(", ");
    case "connection":
      return [
        ...(value.protocol === "http1" ? [] : [t(`hostServers.says.${value.protocol}`)]),
        ...(value.send_proxy_protocol ? [`PROXY ${value.send_proxy_protocol}`] : []),
        ...(tls.server_name ? [`SNI ${tls.server_name}`] : []),
        ...(tls.ca_pem ? [t("hostServers.says.ca")] : []),
        ...(tls.client_certificate_uuid ? [t("hostServers.says.clientCertificate")] : []),
      ].join(", ");
  }
}

/** All of it in one line; null when one server is used as usual. */
export function describeAll(t: TFunction, value: Upstream): string | null {
  const parts = [
    ...(value.servers.length > 0
      ? [
          t("hosts.form.serversCount", { count: value.servers.length + 1 }),
          t(`hosts.form.balances.${value.balance}`),
        ]
      : []),
    ...(value.sticky ? [t("hostServers.says.sticky")] : []),
    ...(Object.keys(PARTS) as PartName[]).flatMap((part) => {
      const says = describe(t, part, value);
      return says ? [says] : [];
    }),
  ];
  return parts.join(" · ") || null;
}
