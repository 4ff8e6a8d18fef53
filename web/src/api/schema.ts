// The shape of /api/v1 as the interface uses it, in the form that openapi-fetch reads.
// Times are RFC 3339 text in UTC, null means never.

export type Role = "admin" | "user" | "viewer";
export type Severity = "degraded" | "failing";

export interface Standing {
  component: string;
  code: string;
  severity: Severity;
  since: string;
  subject?: string | null;
  message: string;
  remedy: string;
  link?: string | null;
}

export interface Health {
  status: "ok" | "degraded" | "failing";
  service: string;
  version: string;
  git_commit: string;
  build_time: string;
  uptime_seconds: number;
  database: string;
  migrations: Record<string, boolean>;
  problems: Standing[];
}

export interface SystemInfo {
  version: string;
  git_commit: string;
  build_time: string;
  started_at: string;
  data_dir: string;
  database: { kind: string; version: string; size_bytes: number };
  listeners: { purpose: string; address: string; state: string }[];
  worker_threads: number;
  revision: number | null;
  public_http_port: number;
  public_https_port: number;
  memory_bytes: number | null;
}

export interface BackgroundTask {
  name: string;
  phase: "starting" | "running" | "ok" | "failing";
  message: string;
  since: string;
  last_run: string | null;
}

export interface MigrationTable {
  table: string;
  rows_in: number;
  carried: number;
  changed: number;
  set_aside: number;
  changes: { rows: number; what: string }[];
  set_aside_rows: { key: string; reason: string }[];
}

export interface MigrationReport {
  created_at: string;
  kind: string;
  backup_path: string | null;
  text: string;
  tables: MigrationTable[];
  extra_tables: string[];
  repaired: string[];
}

export interface Backup {
  name: string;
  size_bytes: number;
  created_at: string;
  reason: string;
  good: boolean;
}

export interface Me {
  id: number;
  uuid: string;
  email: string;
  name: string;
  role: Role;
  via: "session" | "token";
  scopes?: string[];
}

export interface AuthStatus {
  authenticated: boolean;
  user?: Me | null;
}

export interface Session {
  id: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  ip_address: string;
  user_agent: string;
  current: boolean;
}

export interface User {
  id: number;
  uuid: string;
  email: string;
  name: string;
  role: Role;
  enabled: boolean;
  locked_until: string | null;
  last_login: string | null;
  created_at: string;
  updated_at: string;
}

export interface ApiToken {
  uuid: string;
  name: string;
  prefix: string;
  scopes: ("read" | "write" | "admin")[];
  expires_at: string | null;
  last_used_at: string | null;
  created_at: string;
  owner: { uuid: string; name: string };
}

export interface HostStatus {
  state: "serving" | "disabled" | "left_out" | "pending";
  since: string | null;
  revision: number | null;
  message: string;
  remedy: string;
}

export interface HeaderEdit {
  action: "set" | "add" | "remove";
  name: string;
  value: string;
}

export interface LocationWrite {
  path: string;
  forward_scheme: "http" | "https";
  forward_host: string;
  forward_port: number;
  verify_upstream_tls?: boolean;
}

export interface HostWrite {
  name?: string;
  domain_names?: string;
  forward_scheme?: "http" | "https";
  forward_host?: string;
  forward_port?: number;
  verify_upstream_tls?: boolean;
  ssl_forced?: boolean;
  http2_support?: boolean;
  hsts_enabled?: boolean;
  hsts_subdomains?: boolean;
  hsts_max_age?: number;
  enabled?: boolean;
  certificate_uuid?: string | null;
  tags?: string[];
  locations?: LocationWrite[];
  request_headers?: HeaderEdit[];
  response_headers?: HeaderEdit[];
}

export interface Host extends Required<HostWrite> {
  uuid: string;
  domains: string[];
  websocket_support: boolean;
  locations: (Required<LocationWrite> & { uuid: string })[];
  advanced_config: string;
  created_at: string;
  updated_at: string;
  status: HostStatus;
}

export interface Certificate {
  uuid: string;
  name: string;
  provider: string;
  domains: string[];
  issuer: string;
  not_before: string | null;
  expires_at: string | null;
  status: "valid" | "expiring" | "expired" | "unusable";
  message: string;
  fingerprint: string;
  used_by: { uuid: string; name: string }[];
  auto_renew: boolean;
  created_at: string;
  updated_at: string;
}

export interface CertificateWrite {
  name?: string;
  certificate?: string;
  private_key?: string;
}

export interface RevisionItem {
  revision: number;
  applied_at: string;
  success: boolean;
  actor: string;
  summary: string;
  hash: string;
  problems: number;
  error_msg: string;
}

export interface FieldChange {
  field: string;
  before: unknown;
  after: unknown;
}

export interface RevisionDiff {
  from: number | null;
  to: number;
  changes: { host: string; kind: "added" | "removed" | "changed"; fields: FieldChange[] }[];
}

export type SettingValue = string | number | boolean | string[] | null;
export type Settings = Record<string, SettingValue>;

export interface AuditEntry {
  id: number;
  created_at: string;
  actor: string;
  action: string;
  category: string;
  resource_type: string;
  resource_id: string;
  resource_name: string;
  details: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  ip_address: string;
  user_agent: string;
  request_id: string;
}

export interface StatusCounts {
  "1xx"?: number;
  "2xx": number;
  "3xx": number;
  "4xx": number;
  "5xx": number;
}

export interface TrafficTotals {
  requests: number;
  status: StatusCounts;
  bytes_in: number;
  bytes_out: number;
  active_connections: number;
  in_flight: number;
  upstream_errors: number;
}

export interface TrafficPoint {
  time: string;
  requests_per_second: number;
  "2xx": number;
  "3xx": number;
  "4xx": number;
  "5xx": number;
  p50_ms: number | null;
  p95_ms: number | null;
}

export interface Latency {
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface TopHost {
  uuid: string;
  name: string;
  requests: number;
  requests_per_second: number;
  errors_5xx: number;
  p95_ms: number | null;
  sparkline: number[];
}

export interface HostTraffic {
  now: string;
  totals: TrafficTotals;
  series: TrafficPoint[];
  latency: Latency;
  recent_errors: number;
}

export interface Traffic {
  now: string;
  window_seconds: number;
  totals: TrafficTotals;
  series: TrafficPoint[];
  latency: Latency;
  top_hosts: TopHost[];
  log: { written: number; dropped: number; error: string | null };
}

export interface LogEntry {
  time: string;
  request_id: string;
  client_ip: string;
  host_uuid: string | null;
  host_name: string | null;
  host: string;
  method: string;
  path: string;
  query: string;
  protocol: string;
  scheme: string;
  status: number;
  duration_ms: number;
  upstream: string | null;
  upstream_ms: number | null;
  bytes_in: number;
  bytes_out: number;
  user_agent: string;
  referer: string;
  stop: { phase: string; reason: string } | null;
  fault: "none" | "client" | "upstream" | "charon";
}

export interface Problem {
  type?: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  errors?: { field: string; message: string }[];
  request_id?: string;
}

type Json<T> = { content: { "application/json": T } };
interface Op<Ok, Path, Query> {
  parameters: (Path extends undefined ? { path?: never } : { path: Path }) &
    (Query extends undefined ? { query?: never } : { query?: Query }) & { header?: never; cookie?: never };
  responses: { 200: Json<Ok>; default: { content: { "application/problem+json": Problem } } };
}
type WithBody<Body> = { requestBody: Json<Body> };
type Read<Ok, Path = undefined, Query = undefined> = Op<Ok, Path, Query>;
type Write<Body, Ok, Path = undefined> = Op<Ok, Path, undefined> & WithBody<Body>;
type Act<Ok, Path = undefined> = Op<Ok, Path, undefined>;
type Uuid = { uuid: string };
type Rev = { revision: number };

export interface paths {
  "/api/v1/health": { get: Read<Health> };
  "/api/v1/system/info": { get: Read<SystemInfo> };
  "/api/v1/system/tasks": { get: Read<BackgroundTask[]> };
  "/api/v1/system/migration-report": { get: Read<{ reports: MigrationReport[] }> };
  "/api/v1/system/backups": { get: Read<Backup[]>; post: Act<Backup> };
  "/api/v1/setup": {
    get: Read<{ setupRequired: boolean }>;
    post: Write<{ token: string; name: string; email: string; password: string }, { user: Me }>;
  };
  "/api/v1/auth/login": { post: Write<{ email: string; password: string }, { user: Me }> };
  "/api/v1/auth/logout": { post: Act<undefined> };
  "/api/v1/auth/me": { put: Write<{ name: string; email: string; current_password?: string }, Me> };
  "/api/v1/auth/status": { get: Read<AuthStatus> };
  "/api/v1/auth/change-password": { post: Write<{ old_password: string; new_password: string }, undefined> };
  "/api/v1/auth/sessions": { get: Read<Session[]> };
  "/api/v1/auth/sessions/{id}": { delete: Act<undefined, { id: string }> };
  "/api/v1/users": {
    get: Read<User[]>;
    post: Write<{ email: string; name: string; password: string; role: Role }, User>;
  };
  "/api/v1/users/{uuid}": {
    get: Read<User, Uuid>;
    put: Write<{ email: string; name: string; role: Role; enabled: boolean }, User, Uuid>;
    delete: Act<undefined, Uuid>;
  };
  "/api/v1/users/{uuid}/password": { post: Write<{ password: string }, undefined, Uuid> };
  "/api/v1/users/{uuid}/unlock": { post: Act<undefined, Uuid> };
  "/api/v1/api-tokens": {
    get: Read<ApiToken[], undefined, { all?: boolean }>;
    post: Write<
      { name: string; scopes: ApiToken["scopes"]; expires_in_days: number | null },
      ApiToken & { token: string }
    >;
  };
  "/api/v1/api-tokens/{uuid}": { delete: Act<undefined, Uuid> };
  "/api/v1/proxy-hosts": { get: Read<Host[]>; post: Write<HostWrite, Host> };
  "/api/v1/proxy-hosts/{uuid}": {
    get: Read<Host, Uuid>;
    put: Write<HostWrite, Host, Uuid>;
    delete: Act<undefined, Uuid>;
  };
  "/api/v1/proxy-hosts/bulk": { post: Write<BulkRequest, BulkResult> };
  "/api/v1/proxy-hosts/test": {
    post: Write<{ forward_scheme: "http" | "https"; forward_host: string; forward_port: number }, TestResult>;
  };
  "/api/v1/proxy-hosts/{uuid}/traffic": { get: Read<HostTraffic, Uuid> };
  "/api/v1/proxy-hosts/{uuid}/history": { get: Read<RevisionItem[], Uuid> };
  "/api/v1/certificates": { get: Read<Certificate[]>; post: Write<CertificateWrite, Certificate> };
  "/api/v1/certificates/{uuid}": {
    get: Read<Certificate, Uuid>;
    put: Write<CertificateWrite, Certificate, Uuid>;
    delete: Act<undefined, Uuid>;
  };
  "/api/v1/revisions": { get: Read<RevisionItem[], undefined, { before?: number; limit?: number }> };
  "/api/v1/revisions/{revision}": { get: Read<RevisionItem & { document: unknown }, Rev> };
  "/api/v1/revisions/{revision}/diff": { get: Read<RevisionDiff, Rev, { against?: number }> };
  "/api/v1/revisions/{revision}/restore": { post: Act<{ revision: number }, Rev> };
  "/api/v1/settings": { get: Read<Settings>; put: Write<Settings, Settings> };
  "/api/v1/audit": { get: Read<AuditEntry[], undefined, AuditQuery> };
  "/api/v1/traffic": { get: Read<Traffic> };
  "/api/v1/logs/access": { get: Read<LogEntry[], undefined, { limit?: number }> };
}

export interface AuditQuery {
  actor?: string;
  action?: string;
  resource_type?: string;
  resource_id?: string;
  before?: number;
  limit?: number;
}

export interface BulkRequest {
  uuids: string[];
  action: "enable" | "disable" | "delete" | "add_tags" | "remove_tags";
  tags?: string[];
}

export interface BulkResult {
  updated: number;
  errors: { uuid: string; error: string }[];
  revision: number | null;
}

export interface TestResult {
  reachable: boolean;
  message: string;
  milliseconds: number | null;
  status: number | null;
}
