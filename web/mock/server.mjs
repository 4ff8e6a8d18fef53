// A stand-in for Charon's API while the interface is being built: in memory, for development only.
// `node mock/server.mjs [--port 8099] [--static dist] [--empty] [--setup]`
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import * as data from "./data.mjs";

const flag = (name) => process.argv.includes(`--${name}`);
const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : process.argv[at + 1];
};
const port = Number(option("port", "8099"));
const folder = option("static", "");
let setupRequired = flag("setup");
if (flag("empty"))
  for (const list of [data.hosts, data.certificates, data.revisions, data.tokens, data.problems])
    list.length = 0;

data.me.role = option("role", "admin");
for (let more = data.hosts.length; more < Number(option("hosts", "0")); more += 1)
  data.hosts.push({
    ...data.hosts[more % 6],
    uuid: randomUUID(),
    name: `Host ${more}`,
    domains: [`h${more}.example.org`],
    domain_names: `h${more}.example.org`,
  });
const signedIn = new Set();
let failures = 0;
const series = [];
for (let back = 149; back >= 0; back -= 1) series.push(data.point(Date.now() - back * 2000));
const log = flag("empty")
  ? []
  : Array.from({ length: 300 }, (_, index) => data.logEntry(Date.now() - index * 900));
const started = new Date(Date.now() - 172_800_000).toISOString();
const listeners = new Set();

class Refusal extends Error {
  constructor(status, code, detail, errors = [], headers = {}) {
    super(detail);
    Object.assign(this, { status, code, errors, headers });
  }
}
const find = (list, uuid) =>
  list.find((each) => each.uuid === uuid) ??
  (() => {
    throw new Refusal(404, "not-found", "There is no such item. It may have been deleted.");
  })();
const tried = ({ forward_scheme: scheme, forward_host: host, forward_port: port }) => {
  const ok = host.startsWith("10.");
  const steps = ok
    ? [
        {
          step: "connect",
          ok,
          milliseconds: 1,
          message: `accepts connections at ${host}:${port}`,
          remedy: null,
        },
      ]
    : [
        {
          step: "connect",
          ok,
          milliseconds: 1,
          message: "cannot be connected to: it refused the connection",
          remedy: "Start the service there, or correct the port.",
        },
      ];
  const address = `${host}:${port}`;
  const server = { location: null, scheme, address, ok, steps, certificate: null, status: ok ? 200 : null };
  return { ok, servers: [server] };
};
const remove = (list, uuid) => void list.splice(list.indexOf(find(list, uuid)), 1);
const serving = (host, summary) => {
  const revision = data.nextRevision(summary);
  host.updated_at = new Date().toISOString();
  host.status = {
    state: host.enabled ? "serving" : "disabled",
    since: new Date().toISOString(),
    revision,
    message: "",
    remedy: "",
  };
  return host;
};
function checkHost(body, uuid) {
  const errors = [];
  for (const name of (body.domain_names ?? "").split(",").filter(Boolean)) {
    const other = data.hosts.find((each) => each.uuid !== uuid && each.domains.includes(name));
    if (other)
      throw new Refusal(409, "conflict", `${name} already belongs to the host ${other.name}.`, [
        { field: "domain_names", message: `${name} already belongs to the host ${other.name}.` },
      ]);
    if (!/^(\*\.)?[a-z0-9.-]+$/i.test(name))
      errors.push({ field: "domain_names", message: `“${name}” is not a domain name.` });
  }
  if (errors.length > 0) throw new Refusal(422, "validation", "Some fields need a look.", errors);
}
function write(host, body) {
  checkHost(body, host.uuid);
  for (const [key, value] of Object.entries(body)) host[key] = value;
  host.domains = host.domain_names.split(",");
  host.locations = host.locations.map((each) => ({ uuid: randomUUID(), ...each }));
  return host;
}
const traffic = (scale) => {
  const shown =
    scale === 1
      ? series
      : series.map((each) => ({
          ...each,
          requests_per_second: each.requests_per_second * scale,
          "2xx": Math.round(each["2xx"] * scale),
        }));
  const empty = flag("empty");
  return {
    now: new Date().toISOString(),
    window_seconds: 300,
    totals: data.totals(empty ? [] : shown),
    series: shown,
    latency: { p50_ms: 9.2, p95_ms: 84, p99_ms: 310 },
  };
};

// [method, path with {names}, level, answer(params, body, query)]
const ROUTES = [
  [
    "GET",
    "/health",
    "",
    () => ({
      status: data.problems.length ? "degraded" : "ok",
      service: "Charon",
      version: "0.1.0",
      git_commit: "abe3ab8",
      build_time: started,
      uptime_seconds: 172800,
      database: "ok",
      migrations: data.migrations,
      problems: data.problems,
    }),
  ],
  ["GET", "/setup", "", () => ({ setupRequired })],
  [
    "GET",
    "/auth/status",
    "",
    (_, __, ___, session) => (session ? { authenticated: true, user: data.me } : { authenticated: false }),
  ],
  ["GET", "/auth/sessions", "s", () => data.sessions],
  [
    "DELETE",
    "/auth/sessions/{id}",
    "s",
    ({ id }) =>
      void data.sessions.splice(
        data.sessions.findIndex((each) => each.id === id),
        1,
      ),
  ],
  ["PUT", "/auth/me", "s", (_, body) => Object.assign(data.me, { name: body.name, email: body.email })],
  [
    "POST",
    "/auth/change-password",
    "s",
    (_, body) => {
      if (body.old_password !== "password12")
        throw new Refusal(422, "validation", "The current password is wrong.", [
          { field: "old_password", message: "This is not your current password." },
        ]);
    },
  ],
  [
    "GET",
    "/system/info",
    "s",
    () => ({
      version: "0.1.0",
      git_commit: "abe3ab8c0ffee",
      build_time: started,
      started_at: started,
      data_dir: "/var/lib/charon",
      database: { kind: "sqlite", version: "3.51.3", size_bytes: 1_204_224 },
      listeners: [
        { purpose: "ui", address: "127.0.0.1:8080", state: "listening" },
        { purpose: "http", address: "[::]:8000", state: "listening" },
        { purpose: "https", address: "[::]:8443", state: "listening" },
      ],
      worker_threads: 2,
      revision: data.revisions[0]?.revision ?? null,
      public_http_port: 8000,
      public_https_port: 8443,
      memory_bytes: 31_000_000,
    }),
  ],
  ["GET", "/system/tasks", "s", () => data.tasks],
  ["GET", "/system/migration-report", "s", () => (flag("empty") ? { reports: [] } : data.report)],
  ["GET", "/system/backups", "s", () => data.backups],
  [
    "POST",
    "/system/backups",
    "s",
    () => {
      const made = {
        name: `charon-${Date.now()}.db`,
        size_bytes: 1_204_224,
        created_at: new Date().toISOString(),
        reason: "by hand",
        good: true,
      };
      data.backups.unshift(made);
      return made;
    },
  ],
  ["GET", "/users", "s", () => data.users],
  [
    "POST",
    "/users",
    "s",
    (_, body) => {
      const made = { ...data.users[2], ...body, uuid: randomUUID(), enabled: true };
      data.users.push(made);
      return made;
    },
  ],
  ["GET", "/users/{uuid}", "s", ({ uuid }) => find(data.users, uuid)],
  [
    "PUT",
    "/users/{uuid}",
    "s",
    ({ uuid }, body) => {
      if (uuid === data.me.uuid && (!body.enabled || body.role !== "admin"))
        throw new Refusal(
          409,
          "conflict",
          "This is the last enabled admin. Make somebody else an admin first.",
          [{ field: "role", message: "The last admin must stay one." }],
        );
      return Object.assign(find(data.users, uuid), body);
    },
  ],
  ["POST", "/users/{uuid}/password", "s", () => undefined],
  ["POST", "/users/{uuid}/unlock", "s", ({ uuid }) => void (find(data.users, uuid).locked_until = null)],
  ["DELETE", "/users/{uuid}", "s", ({ uuid }) => remove(data.users, uuid)],
  ["GET", "/api-tokens", "s", () => data.tokens],
  [
    "POST",
    "/api-tokens",
    "s",
    (_, body) => {
      const made = {
        uuid: randomUUID(),
        name: body.name,
        prefix: "chn_9d31",
        scopes: body.scopes,
        expires_at: null,
        last_used_at: null,
        created_at: new Date().toISOString(),
        owner: { uuid: data.me.uuid, name: data.me.name },
      };
      data.tokens.push(made);
      return { ...made, token: "chn_9d31" + "k3JX".repeat(10) };
    },
  ],
  ["DELETE", "/api-tokens/{uuid}", "s", ({ uuid }) => remove(data.tokens, uuid)],
  ["GET", "/proxy-hosts", "s", () => data.hosts],
  [
    "POST",
    "/proxy-hosts",
    "s",
    (_, body) => {
      checkHost(body);
      const made = write(data.makeHost(body), body);
      made.name ||= made.domains[0];
      data.hosts.push(made);
      return serving(made, `Added host ${made.name}`);
    },
  ],
  [
    "POST",
    "/proxy-hosts/bulk",
    "s",
    (_, body) => {
      for (const uuid of body.uuids) {
        const host = find(data.hosts, uuid);
        if (body.action === "delete") remove(data.hosts, uuid);
        else if (body.action.endsWith("able")) {
          host.enabled = body.action === "enable";
          serving(host, "Bulk change");
        } else
          host.tags =
            body.action === "add_tags"
              ? [...new Set([...host.tags, ...body.tags])]
              : host.tags.filter((tag) => !body.tags.includes(tag));
      }
      return {
        updated: body.uuids.length,
        errors: [],
        revision: data.nextRevision(`Changed ${body.uuids.length} hosts`),
      };
    },
  ],
  ["POST", "/proxy-hosts/test-upstream", "s", (_, body) => tried(body)],
  ["POST", "/proxy-hosts/{uuid}/test-upstream", "s", ({ uuid }) => tried(find(data.hosts, uuid))],
  ["GET", "/proxy-hosts/{uuid}", "s", ({ uuid }) => find(data.hosts, uuid)],
  [
    "PUT",
    "/proxy-hosts/{uuid}",
    "s",
    ({ uuid }, body) => {
      const host = find(data.hosts, uuid);
      write(host, { domain_names: host.domain_names, ...body });
      return serving(host, `Changed host ${host.name}`);
    },
  ],
  [
    "DELETE",
    "/proxy-hosts/{uuid}",
    "s",
    ({ uuid }) => {
      data.nextRevision(`Deleted host ${find(data.hosts, uuid).name}`);
      remove(data.hosts, uuid);
    },
  ],
  ["GET", "/proxy-hosts/{uuid}/traffic", "s", () => ({ ...traffic(0.4), recent_errors: 3 })],
  ["GET", "/proxy-hosts/{uuid}/history", "s", () => data.revisions.slice(0, 4)],
  ["GET", "/certificates", "s", () => data.certificates],
  [
    "POST",
    "/certificates",
    "s",
    (_, body) => {
      if (!body.private_key.includes("PRIVATE KEY"))
        throw new Refusal(422, "validation", "The private key cannot be read.", [
          {
            field: "private_key",
            message: "This is not a private key in PEM form. It starts with -----BEGIN PRIVATE KEY-----.",
          },
        ]);
      const made = { ...data.certificates[0], uuid: randomUUID(), name: body.name, used_by: [] };
      data.certificates.push(made);
      return made;
    },
  ],
  ["GET", "/certificates/{uuid}", "s", ({ uuid }) => find(data.certificates, uuid)],
  [
    "PUT",
    "/certificates/{uuid}",
    "s",
    ({ uuid }, body) => Object.assign(find(data.certificates, uuid), { name: body.name }),
  ],
  ["DELETE", "/certificates/{uuid}", "s", ({ uuid }) => remove(data.certificates, uuid)],
  ["GET", "/revisions", "s", () => data.revisions],
  [
    "GET",
    "/revisions/{revision}",
    "s",
    ({ revision }) => ({
      ...data.revisions.find((each) => each.revision === Number(revision)),
      document: {
        hosts: data.hosts.map(({ domains, forward_host, forward_port }) => ({
          domains,
          target: `${forward_host}:${forward_port}`,
        })),
      },
    }),
  ],
  [
    "GET",
    "/revisions/{revision}/diff",
    "s",
    ({ revision }, _, query) => ({
      from: Number(query.get("against") ?? revision - 1),
      to: Number(revision),
      changes: [
        {
          host: "Git",
          kind: "changed",
          fields: [
            { field: "certificate", before: "Wildcard example.org", after: "Git upload" },
            { field: "tags", before: [], after: ["work"] },
          ],
        },
        {
          host: "Photos",
          kind: "added",
          fields: [
            { field: "domains", before: null, after: ["photos.example.net"] },
            { field: "target", before: null, after: "https://nas.lan:5443" },
          ],
        },
      ],
    }),
  ],
  [
    "POST",
    "/revisions/{revision}/restore",
    "s",
    ({ revision }) => ({ revision: data.nextRevision(`Restored revision ${revision}`) }),
  ],
  ["GET", "/security/crowdsec", "s", () => data.crowdsec],
  ["PUT", "/security/crowdsec", "s", ({ body }) => Object.assign(data.crowdsec, body)],
  ["GET", "/security/crowdsec/log", "s", () => []],
  ["GET", "/security/bans", "s", () => ({ total: data.bans.length, items: data.bans })],
  ["GET", "/settings", "s", () => data.settings],
  [
    "PUT",
    "/settings",
    "s",
    (_, body) => {
      const bad = (body.trusted_proxies ?? []).find((each) => !/^[0-9a-f.:/]+$/i.test(each));
      if (bad)
        throw new Refusal(422, "validation", "Some fields need a look.", [
          {
            field: "trusted_proxies",
            message: `“${bad}” is not an address or a network such as 10.0.0.0/8.`,
          },
        ]);
      return Object.assign(data.settings, body);
    },
  ],
  ["GET", "/audit", "s", () => (flag("empty") ? [] : data.audit)],
  [
    "GET",
    "/traffic",
    "s",
    () => ({
      ...traffic(1),
      top_hosts: flag("empty")
        ? []
        : data.hosts.slice(0, 4).map(({ uuid, name }, index) => ({
            uuid,
            name,
            requests: 900 - index * 200,
            requests_per_second: 9.4 / (index + 1),
            errors_5xx: index === 2 ? 14 : 0,
            p95_ms: 40 + index * 31,
            sparkline: Array.from(
              { length: 30 },
              (_, at) => Math.sin(at / 4 + index) + 1.2 + Math.random() * 0.4,
            ),
          })),
      log: { written: 18204, dropped: 0, error: null },
    }),
  ],
  ["GET", "/logs/access", "s", () => log],
];

function login(response, body) {
  if (body.password !== "password12") {
    failures += 1;
    if (failures >= 5) {
      failures = 0;
      throw new Refusal(
        429,
        "account-locked",
        "Too many wrong passwords. The account is locked for 15 minutes.",
        [],
        {
          "Retry-After": "900",
        },
      );
    }
    throw new Refusal(401, "invalid-credentials", "The e-mail or the password is wrong.");
  }
  const id = randomUUID();
  signedIn.add(id);
  response.setHeader("Set-Cookie", `charon_session=${id}; HttpOnly; SameSite=Strict; Path=/`);
  return { user: data.me };
}

function live(request, response, query) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const say = (event, body) => response.write(`event: ${event}\ndata: ${JSON.stringify(body)}\n\n`);
  const topics = (query.get("topics") ?? "").split(",");
  say("hello", { server_time: new Date().toISOString(), topics });
  const listener = (event, body) => (event === "heartbeat" || topics.includes(event)) && say(event, body);
  listeners.add(listener);
  request.on("close", () => listeners.delete(listener));
}
const tell = (event, body) => listeners.forEach((listener) => listener(event, body));
setInterval(() => tell("heartbeat", { server_time: new Date().toISOString() }), 5000);
setInterval(() => {
  series.push(data.point());
  series.shift();
  tell("traffic", { ...series.at(-1), totals: data.totals(series) });
}, 2000);
setInterval(
  () => {
    if (flag("empty")) return;
    const entries = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, () => data.logEntry());
    log.unshift(...entries);
    log.length = Math.min(log.length, 1000);
    tell("log", { entries });
  },
  Number(option("log-every", "700")),
);

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
async function serveFile(path, response) {
  const name = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const wanted = extname(name) ? name : "/index.html";
  try {
    const file = await readFile(join(folder, wanted));
    response.writeHead(200, {
      "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream",
      "Content-Security-Policy": POLICY,
    });
    response.end(file);
  } catch {
    response.writeHead(404).end();
  }
}

createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  if (!url.pathname.startsWith("/api/"))
    return folder ? serveFile(url.pathname, response) : response.writeHead(404).end();
  const path = url.pathname.replace("/api/v1", "");
  const session = signedIn.has(/charon_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1]);
  try {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text ? JSON.parse(text) : {};
    if (request.method !== "GET" && request.headers["x-charon-csrf"] !== "1")
      throw new Refusal(403, "csrf", "The request did not come from this interface. Reload the page.");
    let answer;
    if (path === "/auth/login") answer = login(response, body);
    else if (path === "/setup" && request.method === "POST") {
      if (body.token !== "token")
        throw new Refusal(
          403,
          "forbidden",
          "This is not the set-up token. Look into the log of this start.",
          [{ field: "token", message: "This is not the token that Charon printed at this start." }],
        );
      setupRequired = false;
      Object.assign(data.me, { name: body.name, email: body.email });
      answer = login(response, { password: "password12" });
    } else if (path === "/auth/logout") {
      signedIn.clear();
    } else if (path === "/certificates/internal-ca.pem") {
      return response
        .writeHead(200, { "Content-Type": "application/x-pem-file" })
        .end("-----BEGIN CERTIFICATE-----\n");
    } else {
      if (path === "/live") {
        if (!session) throw new Refusal(401, "unauthenticated", "Sign in first.");
        return live(request, response, url.searchParams);
      }
      let matched = null;
      for (const [method, pattern, level, run] of ROUTES) {
        const expression = new RegExp(`^${pattern.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
        const match = expression.exec(path);
        if (match && method === request.method) {
          matched = { level, run, params: match.groups ?? {} };
          break;
        }
      }
      if (!matched) throw new Refusal(404, "not-found", `There is no ${request.method} ${path}.`);
      if (matched.level && !session)
        throw new Refusal(401, "unauthenticated", "Your session has ended. Sign in again.");
      answer = matched.run(matched.params, body, url.searchParams, session);
    }
    if (answer === undefined) return response.writeHead(204).end();
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  } catch (problem) {
    const status = problem.status ?? 500;
    response.writeHead(status, { "Content-Type": "application/problem+json", ...problem.headers });
    response.end(
      JSON.stringify({
        type: "about:blank",
        title: "Refused",
        status,
        code: problem.code ?? "internal",
        detail: problem.message,
        error: problem.message,
        errors: problem.errors ?? [],
        request_id: randomUUID(),
      }),
    );
  }
}).listen(port, "127.0.0.1", () =>
  console.log(`mock on http://127.0.0.1:${port} (anna@example.org, password12)`),
);
