// What can be read, each with its key. A write invalidates by the first word of the key.
import { keepPreviousData, queryOptions, type QueryClient } from "@tanstack/react-query";
import { api, body } from "./client";
import { ApiProblem, readProblem } from "./problem";
import type { AgentWish, AuditQuery, BanQuery, Health } from "./schema";

const MINUTE = 60_000;

export const queries = {
  authStatus: () =>
    queryOptions({
      queryKey: ["auth", "status"],
      queryFn: () => body(api.GET("/api/v1/auth/status")),
      staleTime: MINUTE,
    }),
  setup: () =>
    queryOptions({
      queryKey: ["auth", "setup"],
      queryFn: () => body(api.GET("/api/v1/setup")),
      staleTime: 0,
    }),
  sessions: () =>
    queryOptions({ queryKey: ["sessions"], queryFn: () => body(api.GET("/api/v1/auth/sessions")) }),
  health: () =>
    queryOptions({
      queryKey: ["health"],
      // A failing installation answers 503 with the same body, so it is read here without the error path.
      queryFn: async ({ signal }) => {
        const response = await fetch("/api/v1/health", {
          signal,
          headers: { accept: "application/json" },
        }).catch((error: unknown) => {
          throw signal.aborted ? error : new ApiProblem({ status: 0, code: "unreachable" });
        });
        if (!response.ok && response.status !== 503) throw await readProblem(response);
        return (await response.json().catch(() => {
          throw new ApiProblem({ status: response.status, code: "not-charon" });
        })) as Health;
      },
      refetchInterval: 15_000,
    }),
  info: () =>
    queryOptions({
      queryKey: ["system", "info"],
      queryFn: () => body(api.GET("/api/v1/system/info")),
      refetchInterval: 30_000,
    }),
  tasks: () =>
    queryOptions({
      queryKey: ["system", "tasks"],
      queryFn: () => body(api.GET("/api/v1/system/tasks")),
      refetchInterval: 10_000,
    }),
  migrationReport: () =>
    queryOptions({
      queryKey: ["system", "migration-report"],
      queryFn: () => body(api.GET("/api/v1/system/migration-report")),
      staleTime: 10 * MINUTE,
    }),
  backups: () =>
    queryOptions({ queryKey: ["backups"], queryFn: () => body(api.GET("/api/v1/system/backups")) }),
  users: () => queryOptions({ queryKey: ["users"], queryFn: () => body(api.GET("/api/v1/users")) }),
  user: (uuid: string) =>
    queryOptions({
      queryKey: ["users", uuid],
      queryFn: () => body(api.GET("/api/v1/users/{uuid}", { params: { path: { uuid } } })),
    }),
  tokens: (all: boolean) =>
    queryOptions({
      queryKey: ["tokens", { all }],
      queryFn: () => body(api.GET("/api/v1/api-tokens", { params: { query: all ? { all } : {} } })),
    }),
  crowdsec: () =>
    queryOptions({
      queryKey: ["security", "crowdsec"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec")),
      refetchInterval: 2_000,
    }),
  enforcement: () =>
    queryOptions({
      queryKey: ["security", "enforcement"],
      queryFn: () => body(api.GET("/api/v1/security/enforcement")),
      refetchInterval: 5_000,
    }),
  appsec: () =>
    queryOptions({
      queryKey: ["security", "appsec"],
      queryFn: () => body(api.GET("/api/v1/security/appsec")),
      refetchInterval: 4_000,
    }),
  crowdsecExternal: () =>
    queryOptions({
      queryKey: ["security", "external"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/external")),
      // What is being edited is not exchanged below the hands.
      refetchOnWindowFocus: false,
    }),
  neverBanned: () =>
    queryOptions({
      queryKey: ["security", "never-banned"],
      queryFn: () => body(api.GET("/api/v1/security/never-banned")),
      refetchInterval: 10_000,
    }),
  captcha: () =>
    queryOptions({
      queryKey: ["security", "captcha"],
      queryFn: () => body(api.GET("/api/v1/security/captcha")),
      refetchInterval: 5_000,
    }),
  crowdsecLog: () =>
    queryOptions({
      queryKey: ["security", "log"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/log")),
      refetchInterval: 10_000,
    }),
  crowdsecHub: () =>
    queryOptions({
      queryKey: ["security", "hub"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/hub")),
    }),
  crowdsecFiles: () =>
    queryOptions({
      queryKey: ["security", "files"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/files")),
    }),
  crowdsecFile: (path: string) =>
    queryOptions({
      queryKey: ["security", "file", path],
      queryFn: () =>
        body(api.GET("/api/v1/security/crowdsec/files/content", { params: { query: { path } } })),
      // What is being edited is not exchanged below the hands.
      staleTime: Infinity,
      gcTime: 0,
      refetchOnWindowFocus: false,
    }),
  crowdsecConsole: () =>
    queryOptions({
      queryKey: ["security", "console"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/console")),
      refetchInterval: 3_000,
    }),
  crowdsecChanges: () =>
    queryOptions({
      queryKey: ["security", "changes"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/changes")),
      refetchInterval: 4_000,
    }),
  crowdsecPreview: (wish: AgentWish | undefined) =>
    queryOptions({
      queryKey: ["security", "preview", wish ?? null],
      queryFn: () =>
        body(
          api.POST("/api/v1/security/crowdsec/preview", {
            body: wish ?? { action: "update_index", about: "" },
          }),
        ),
      staleTime: 0,
      gcTime: 0,
    }),
  bans: (query: BanQuery = {}) =>
    queryOptions({
      queryKey: ["security", "bans", query],
      queryFn: () => body(api.GET("/api/v1/security/bans", { params: { query } })),
      refetchInterval: 4_000,
      placeholderData: keepPreviousData,
    }),
  alert: (id: number) =>
    queryOptions({
      queryKey: ["security", "alerts", id],
      queryFn: () => body(api.GET("/api/v1/security/alerts/{id}", { params: { path: { id } } })),
    }),
  escalation: () =>
    queryOptions({
      queryKey: ["security", "escalation"],
      queryFn: () => body(api.GET("/api/v1/security/crowdsec/escalation")),
    }),
  hosts: () =>
    queryOptions({
      queryKey: ["hosts"],
      queryFn: () => body(api.GET("/api/v1/proxy-hosts")),
      refetchInterval: 20_000,
    }),
  host: (uuid: string) =>
    queryOptions({
      queryKey: ["hosts", uuid],
      queryFn: () => body(api.GET("/api/v1/proxy-hosts/{uuid}", { params: { path: { uuid } } })),
    }),
  hostTraffic: (uuid: string) =>
    queryOptions({
      queryKey: ["traffic", uuid],
      queryFn: () => body(api.GET("/api/v1/proxy-hosts/{uuid}/traffic", { params: { path: { uuid } } })),
      refetchInterval: 4_000,
    }),
  hostHistory: (uuid: string) =>
    queryOptions({
      queryKey: ["hosts", uuid, "history"],
      queryFn: () => body(api.GET("/api/v1/proxy-hosts/{uuid}/history", { params: { path: { uuid } } })),
    }),
  certificates: () =>
    queryOptions({ queryKey: ["certificates"], queryFn: () => body(api.GET("/api/v1/certificates")) }),
  acme: () => queryOptions({ queryKey: ["acme"], queryFn: () => body(api.GET("/api/v1/acme")) }),
  acmeOrders: () =>
    queryOptions({
      queryKey: ["acme", "orders"],
      queryFn: () => body(api.GET("/api/v1/acme/orders")),
      // The steps of an order are shown as they happen.
      refetchInterval: (query) =>
        query.state.data?.some((each) => each.phase === "ordering" || each.phase === "waiting")
          ? 1_000
          : 10_000,
    }),
  acmeChecks: () =>
    queryOptions({
      queryKey: ["acme", "checks"],
      queryFn: () => body(api.GET("/api/v1/acme/checks")),
      refetchInterval: 10_000,
    }),
  dnsCredentials: () =>
    queryOptions({
      queryKey: ["dns-credentials"],
      queryFn: () => body(api.GET("/api/v1/dns-credentials")),
    }),
  dnsKinds: () =>
    queryOptions({
      queryKey: ["dns-credentials", "kinds"],
      queryFn: () => body(api.GET("/api/v1/dns-credentials/kinds")),
      staleTime: Infinity,
    }),
  certificate: (uuid: string) =>
    queryOptions({
      queryKey: ["certificates", uuid],
      queryFn: () => body(api.GET("/api/v1/certificates/{uuid}", { params: { path: { uuid } } })),
    }),
  revisions: (limit = 200) =>
    queryOptions({
      queryKey: ["revisions", { limit }],
      queryFn: () => body(api.GET("/api/v1/revisions", { params: { query: { limit } } })),
    }),
  revision: (revision: number) =>
    queryOptions({
      queryKey: ["revisions", revision],
      queryFn: () => body(api.GET("/api/v1/revisions/{revision}", { params: { path: { revision } } })),
    }),
  revisionDiff: (revision: number, against?: number) =>
    queryOptions({
      queryKey: ["revisions", revision, "diff", against ?? null],
      queryFn: () =>
        body(
          api.GET("/api/v1/revisions/{revision}/diff", {
            params: { path: { revision }, query: against === undefined ? {} : { against } },
          }),
        ),
      staleTime: 5 * MINUTE,
    }),
  settings: () => queryOptions({ queryKey: ["settings"], queryFn: () => body(api.GET("/api/v1/settings")) }),
  audit: (query: AuditQuery) =>
    queryOptions({
      queryKey: ["audit", query],
      queryFn: () => body(api.GET("/api/v1/audit", { params: { query } })),
    }),
  traffic: (polled: boolean) =>
    queryOptions({
      queryKey: ["traffic"],
      queryFn: () => body(api.GET("/api/v1/traffic")),
      // The stream carries the series; top hosts come with the full answer only.
      refetchInterval: polled ? 4_000 : 10_000,
    }),
  accessLog: () =>
    queryOptions({
      queryKey: ["access-log"],
      queryFn: () => body(api.GET("/api/v1/logs/access", { params: { query: { limit: 500 } } })),
      staleTime: 0,
      gcTime: 0,
    }),
};

/** After a change to what is served: hosts, certificates, revisions and health may all differ. */
export function refreshServed(client: QueryClient): Promise<unknown> {
  return Promise.all(
    ["hosts", "certificates", "revisions", "health"].map((word) =>
      client.invalidateQueries({ queryKey: [word] }),
    ),
  );
}
