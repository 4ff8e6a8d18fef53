// Invented data for the development server: a small home network with a few troubles.
import { randomUUID } from "node:crypto";

const DAY = 86_400_000;
const at = (ms) => new Date(Date.now() + ms).toISOString();

export const me = {
  id: 1,
  uuid: randomUUID(),
  email: "anna@example.org",
  name: "Anna Berg",
  role: "admin",
  via: "session",
  scopes: [],
};

const certificate = (name, domains, issuer, days, status, message, provider = "custom") => ({
  uuid: randomUUID(),
  name,
  provider,
  domains,
  issuer,
  not_before: at(-60 * DAY),
  expires_at: at(days * DAY),
  status,
  message,
  fingerprint: Array.from({ length: 32 }, (_, i) =>
    ((i * 37 + days) & 255).toString(16).padStart(2, "0"),
  ).join(":"),
  used_by: [],
  last_error: "",
  auto_renew: false,
  created_at: at(-60 * DAY),
  updated_at: at(-60 * DAY),
});
export const crowdsec = {
  enabled: true,
  state: "running",
  message: "the agent runs and reads, with LAPI on port 8085",
  remedy: "",
  since: new Date(Date.now() - 3_600_000).toISOString(),
  pid: 4711,
  version: "v1.4.6",
  port: 8085,
  items: 38,
  missing: [],
  never_banned: ["192.168.0.0/16"],
  requests: { handed: 1200, waiting_bytes: 0, lost: 0, read: 1200, parsed: 1200, unparsed: 0 },
  decisions: { held: 1, not_enforceable: [], pulled_at: new Date().toISOString(), error: null },
  restarts: { ended: 0, hanging: 0, last_at: null, last_reason: null },
  proof: { proven_at: new Date(Date.now() - 20_000).toISOString(), broken_link: null, reason: null },
  refused: 12,
};
export const bans = [
  {
    value: "203.0.113.7",
    scope: "ip",
    origin: "crowdsec",
    reason: "crowdsecurity/http-probing",
    type: "ban",
    expires_at: new Date(Date.now() + 7_200_000).toISOString(),
    enforced: true,
  },
];

export const certificates = [
  certificate(
    "Wildcard example.org",
    ["*.example.org", "example.org"],
    "R11, Let's Encrypt",
    71,
    "valid",
    "",
  ),
  certificate(
    "Old shop",
    ["shop.example.com"],
    "Sectigo RSA Domain Validation",
    9,
    "expiring",
    "It expires in 9 days. Upload its successor.",
  ),
  certificate(
    "Photos",
    ["photos.example.net"],
    "Internal test",
    -3,
    "expired",
    "It expired 3 days ago. Visitors see a warning. Upload a new one.",
  ),
];

const oneServer = {
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
const noRules = {
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

let revision = 41;
const host = (name, domains, target, more = {}) => {
  const [, forward_scheme, forward_host, port] = /^(https?):\/\/([^:]+):(\d+)$/.exec(target);
  return {
    uuid: randomUUID(),
    name,
    domain_names: domains.join(","),
    domains,
    forward_scheme,
    forward_host,
    forward_port: Number(port),
    verify_upstream_tls: true,
    ssl_forced: false,
    http2_support: true,
    hsts_enabled: false,
    hsts_subdomains: false,
    hsts_max_age: 31536000,
    tls: { policy: null, client_certificates: null, hsts_preload: false },
    websocket_support: true,
    enabled: true,
    certificate_uuid: null,
    tags: [],
    locations: [],
    request_headers: [],
    response_headers: [],
    upstream: oneServer,
    traffic: noRules,
    servers: [
      {
        location: null,
        scheme: forward_scheme,
        address: `${forward_host}:${port}`,
        weight: 1,
        backup: false,
        health: "healthy",
        since: at(-2 * DAY),
        why: null,
        active: 3,
        requests: 18_204,
        failures: 0,
        ejections: 0,
        last_check: null,
        addresses: [],
        name_error: null,
      },
    ],
    advanced_config: "",
    carried: [],
    access_list: null,
    created_at: at(-40 * DAY),
    updated_at: at(-3 * DAY),
    status: { state: "serving", since: at(-2 * DAY), revision, message: "", remedy: "" },
    ...more,
  };
};
export const hosts = [
  host("Media", ["tv.example.org", "film.example.org"], "http://10.0.0.5:8096", {
    tags: ["home", "media"],
    ssl_forced: true,
    certificate_uuid: certificates[0].uuid,
  }),
  host("Home Assistant", ["home.example.org"], "http://10.0.0.12:8123", {
    tags: ["home"],
    ssl_forced: true,
    certificate_uuid: certificates[0].uuid,
    hsts_enabled: true,
  }),
  host("Shop", ["shop.example.com", "www.shop.example.com"], "http://192.168.1.40:3000", {
    tags: ["work"],
    certificate_uuid: certificates[1].uuid,
    locations: [
      {
        uuid: randomUUID(),
        path: "/api",
        forward_scheme: "http",
        forward_host: "192.168.1.41",
        forward_port: 9000,
        verify_upstream_tls: true,
        upstream: oneServer,
        traffic: noRules,
      },
    ],
    request_headers: [{ action: "set", name: "X-Shop", value: "main" }],
    response_headers: [{ action: "remove", name: "Server", value: "" }],
  }),
  host("Photos", ["photos.example.net"], "https://nas.lan:5443", {
    tags: ["home"],
    certificate_uuid: certificates[2].uuid,
    verify_upstream_tls: false,
  }),
  host("Wiki", ["wiki.example.org"], "http://10.0.0.7:8080", {
    enabled: false,
    status: { state: "disabled", since: at(-9 * DAY), revision, message: "", remedy: "" },
  }),
  host("Git", ["git.example.org"], "http://10.0.0.9:3000", {
    tags: ["work"],
    carried: ["access_list", "advanced_config"],
    access_list: "Home",
    advanced_config: '{"handler":"headers","response":{"set":{"X-Robots-Tag":["noindex"]}}}',
    status: {
      state: "left_out",
      since: at(-3_600_000),
      revision,
      message: "Its certificate cannot be used: the private key does not belong to it.",
      remedy: "Upload the fitting key, or choose another certificate under TLS.",
    },
  }),
];
for (const each of certificates)
  each.used_by = hosts
    .filter((h) => h.certificate_uuid === each.uuid)
    .map((h) => ({ uuid: h.uuid, name: h.name }));

export const revisions = [
  ["Changed host Git: certificate", "Anna Berg", -3_600_000, true, 1, ""],
  ["Disabled host Wiki", "Anna Berg", -9 * DAY, true, 0, ""],
  ["Added host Photos", "API token “nightly script” of Anna Berg", -12 * DAY, true, 0, ""],
  [
    "Changed settings: trusted_proxies",
    "Ben Ahlers",
    -13 * DAY,
    false,
    0,
    "trusted_proxies: “10.0.0.0/33” is not a network. The prefix of an IPv4 network is 0 to 32.",
  ],
  ["Added host Shop", "Anna Berg", -20 * DAY, true, 0, ""],
  ["Taken over from the original Charon", "charon", -40 * DAY, true, 0, ""],
].map(([summary, actor, when, success, problems, error_msg], index) => ({
  revision: revision - index,
  applied_at: at(when),
  success,
  actor,
  summary,
  hash: "9f2c".repeat(16),
  problems,
  error_msg,
}));

export const nextRevision = (summary) => {
  revision += 1;
  revisions.unshift({
    revision,
    applied_at: at(0),
    success: true,
    actor: me.name,
    summary,
    hash: "77ab".repeat(16),
    problems: 1,
    error_msg: "",
  });
  return revision;
};

export const makeHost = (body) =>
  host(
    body.name || body.domain_names.split(",")[0],
    body.domain_names.split(","),
    `${body.forward_scheme}://${body.forward_host}:${body.forward_port}`,
  );

export const users = [
  {
    ...me,
    enabled: true,
    locked_until: null,
    last_login: at(-600_000),
    created_at: at(-40 * DAY),
    updated_at: at(-DAY),
  },
  {
    id: 2,
    uuid: randomUUID(),
    email: "ben@example.org",
    name: "Ben Ahlers",
    role: "user",
    enabled: true,
    locked_until: at(600_000),
    last_login: at(-DAY),
    created_at: at(-30 * DAY),
    updated_at: at(-DAY),
  },
  {
    id: 3,
    uuid: randomUUID(),
    email: "wall@example.org",
    name: "Wall display",
    role: "viewer",
    enabled: false,
    locked_until: null,
    last_login: null,
    created_at: at(-2 * DAY),
    updated_at: at(-DAY),
  },
];
export const tokens = [
  {
    uuid: randomUUID(),
    name: "Nightly script",
    prefix: "chn_ab12",
    scopes: ["read", "write"],
    expires_at: at(60 * DAY),
    last_used_at: at(-7 * 3_600_000),
    created_at: at(-30 * DAY),
    owner: { uuid: me.uuid, name: me.name },
  },
  {
    uuid: randomUUID(),
    name: "Dashboard",
    prefix: "chn_77f0",
    scopes: ["read"],
    expires_at: at(-DAY),
    last_used_at: null,
    created_at: at(-90 * DAY),
    owner: { uuid: users[1].uuid, name: "Ben Ahlers" },
  },
];
export const sessions = [
  {
    id: "a",
    created_at: at(-600_000),
    last_seen_at: at(-1_000),
    expires_at: at(DAY),
    ip_address: "192.168.1.20",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    current: true,
  },
  {
    id: "b",
    created_at: at(-4 * DAY),
    last_seen_at: at(-2 * DAY),
    expires_at: at(DAY),
    ip_address: "2001:db8::17",
    user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1",
    current: false,
  },
];
export const settings = {
  app_name: "Charon",
  "tls.policy": "intermediate",
  "tls.unknown_name": "default_certificate",
  "default_site.action": "not_found",
  "default_site.redirect_url": "",
  trusted_proxies: ["10.0.0.0/8"],
  "ui.allowed_hosts": [],
  "log.retention_files": 5,
};
export const audit = [
  [
    "proxy_host.update",
    "proxy_host",
    "Git",
    { certificate: "Wildcard example.org" },
    { certificate: "Git upload" },
  ],
  ["proxy_host.disable", "proxy_host", "Wiki", { enabled: true }, { enabled: false }],
  ["user.create", "user", "Wall display", null, { email: "wall@example.org", role: "viewer" }],
  ["auth.login", "session", "Anna Berg", null, null],
  [
    "settings.update",
    "setting",
    "trusted_proxies",
    { trusted_proxies: [] },
    { trusted_proxies: ["10.0.0.0/8"] },
  ],
].map(([action, resource_type, resource_name, before, after], index) => ({
  id: 50 - index,
  created_at: at(-index * 9_000_000 - 3_000_000),
  actor: index === 4 ? "Ben Ahlers" : me.name,
  action,
  category: "configuration",
  resource_type,
  resource_id: "",
  resource_name,
  details: "",
  before,
  after,
  ip_address: "192.168.1.20",
  user_agent: "Firefox",
  request_id: "01JH" + index,
}));
export const problems = [
  {
    component: "compile",
    code: "host-left-out",
    severity: "degraded",
    since: at(-3_600_000),
    subject: "Git",
    message: "The host Git is not served: the private key does not belong to its certificate.",
    remedy: "Upload the fitting key, or choose another certificate in the host under TLS.",
    link: `/proxy-hosts/${hosts[5].uuid}/edit`,
  },
  {
    component: "certificates",
    code: "certificate-expired",
    severity: "degraded",
    since: at(-3 * DAY),
    subject: "Photos",
    message: "The certificate Photos expired 3 days ago; visitors of photos.example.net see a warning.",
    remedy: "Upload a new one.",
    link: `/certificates/${certificates[2].uuid}/edit`,
  },
  {
    component: "backup",
    code: "backup-late",
    severity: "degraded",
    since: at(-5 * 3_600_000),
    subject: "",
    message: "The nightly backup did not run: the folder is read-only.",
    remedy: "Make it writable: `chown -R charon /var/lib/charon/backups`",
    link: "",
  },
];
export const tasks = [
  ["access-log writer", "ok", "18,204 entries written", -2_000],
  ["certificate watch", "ok", "3 certificates looked at", -240_000],
  ["configuration compiler", "ok", "revision 41 serves", -3_600_000],
  ["nightly backup", "failing", "The folder /var/lib/charon/backups is read-only.", -5 * 3_600_000],
].map(([name, phase, message, last]) => ({ name, phase, message, since: at(-2 * DAY), last_run: at(last) }));
export const backups = [
  {
    name: "charon-2026-11-20T02-00-00.db",
    size_bytes: 1_204_224,
    created_at: at(-2 * DAY),
    reason: "nightly",
    good: true,
  },
  {
    name: "charon-before-migration-0007.db",
    size_bytes: 1_101_004,
    created_at: at(-40 * DAY),
    reason: "before migration",
    good: true,
  },
];
const table = (name, rows_in, carried, changes = [], set_aside_rows = []) => ({
  table: name,
  rows_in,
  carried: carried - changes.reduce((s, c) => s + c.rows, 0),
  changed: changes.reduce((s, c) => s + c.rows, 0),
  set_aside: set_aside_rows.length,
  changes,
  set_aside_rows,
});
export const report = {
  reports: [
    {
      created_at: at(-40 * DAY),
      kind: "Original Charon, December 2025",
      backup_path: "/var/lib/charon/backups/charon-before-migration-0007.db",
      text: "proxy_hosts: 6 rows, 5 carried, 1 set aside\nusers: 3 rows, 3 carried\n",
      extra_tables: ["emergency_tokens"],
      repaired: ["table security_decisions was missing and has been created"],
      tables: [
        table(
          "proxy_hosts",
          6,
          5,
          [{ rows: 2, what: "text booleans became booleans" }],
          [
            {
              key: "id 4 (old.example.org)",
              reason: "Its port 70000 is not a port. Add the host anew with the right one.",
            },
          ],
        ),
        table("users", 3, 3, [{ rows: 3, what: "e-mail addresses in lower case" }]),
        table("ssl_certificates", 3, 3),
        table("settings", 11, 11),
        table("locations", 1, 1),
      ],
    },
  ],
};
export const migrations = Object.fromEntries(
  "proxy_hosts locations domains remote_servers ssl_certificates access_lists users user_permitted_hosts settings import_sessions caddy_configs notifications security_configs security_decisions security_audits security_rule_sets crowdsec_preset_events crowdsec_console_enrollments"
    .split(" ")
    .map((name) => [name, true]),
);

// Traffic
const pick = (list) => list[Math.floor(Math.random() * list.length)];
export function logEntry(when = Date.now()) {
  const owner = Math.random() < 0.94 ? pick(hosts.slice(0, 4)) : null;
  const status = pick([200, 200, 200, 200, 200, 200, 204, 301, 304, 404, 403, 502]);
  const asked = status < 300 || status > 304;
  const spent = Math.random() ** 3 * 400 + 1;
  return {
    time: new Date(when).toISOString(),
    request_id: randomUUID(),
    client_ip: pick(["192.168.1.20", "203.0.113.9", "198.51.100.77", "2001:db8::17"]),
    host_uuid: owner?.uuid ?? null,
    host_name: owner?.name ?? null,
    host: owner?.domains[0] ?? "scan.example.biz",
    method: pick(["GET", "GET", "GET", "POST", "HEAD"]),
    path: pick([
      "/",
      "/api/items",
      "/web/index.html",
      "/Users/Me",
      "/assets/main.3f2a.js",
      "/a/very/long/path/that/does/not/end/so/soon/and/goes/on.html",
    ]),
    query: pick(["", "", "", "page=2&sort=name"]),
    protocol: pick(["HTTP/1.1", "HTTP/2"]),
    scheme: pick(["https", "https", "http"]),
    status,
    duration_ms: Math.round(spent * 100) / 100,
    upstream: owner && asked ? `${owner.forward_host}:${owner.forward_port}` : null,
    upstream_ms: owner && asked ? Math.round(spent * 92) / 100 : null,
    bytes_in: 320,
    bytes_out: Math.floor(Math.random() * 90_000),
    user_agent: pick(["Mozilla/5.0 Firefox/140.0", "curl/8.14", "Jellyfin-Android/2.7"]),
    referer: "",
    stop: status === 502 ? { phase: "forward", reason: "the target refused the connection" } : null,
    fault: status === 502 ? "upstream" : status >= 400 ? "client" : "none",
  };
}
export function point(when = Date.now(), scale = 1) {
  const wave = (Math.sin(when / 40_000) + 1.4) * 9 * scale + Math.random() * 4 * scale;
  const total = Math.max(1, Math.round(wave * 2));
  const bad = Math.random() < 0.2 ? 1 : 0;
  return {
    time: new Date(when).toISOString(),
    requests_per_second: total / 2,
    "2xx": Math.round(total * 0.82),
    "3xx": Math.round(total * 0.1),
    "4xx": Math.round(total * 0.08),
    "5xx": bad,
    p50_ms: 8 + Math.random() * 3,
    p95_ms: 60 + Math.random() * 40,
  };
}
export function totals(series) {
  const sum = (key) => series.reduce((all, each) => all + each[key], 0);
  const status = { "1xx": 0, "2xx": sum("2xx"), "3xx": sum("3xx"), "4xx": sum("4xx"), "5xx": sum("5xx") };
  return {
    requests: Object.values(status).reduce((a, b) => a + b),
    status,
    bytes_in: 812_000,
    bytes_out: 94_000_000,
    active_connections: 23,
    in_flight: 4,
    upstream_errors: status["5xx"],
  };
}
