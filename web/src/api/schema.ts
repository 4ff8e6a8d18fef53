// The names under which the interface knows the shapes of /api/v1. They come from the API's own description
// (`npm run api:types` after docs/openapi.json has changed); nothing is written twice here.
import type { components, paths } from "./schema.generated";

export type { paths };
type Schemas = components["schemas"];

export type Role = Schemas["Me"]["role"];
export type Standing = Schemas["Health"]["problems"][number];
export type Severity = Standing["severity"];
export type Health = Schemas["Health"];
export type SystemInfo = Schemas["SystemInfo"];
export type BackgroundTask = Schemas["TaskItem"];
export type MigrationReport = Schemas["MigrationReports"]["reports"][number];
export type MigrationTable = MigrationReport["tables"][number];
export type Backup = Schemas["BackupItem"];
export type Me = Schemas["Me"];
export type AuthStatus = Schemas["AuthStatus"];
export type Session = Schemas["SessionItem"];
export type User = Schemas["User"];
export type ApiToken = Schemas["ApiToken"];
export type Scope = Schemas["ScopeName"];
export type Host = Schemas["Host"];
export type HostStatus = Host["status"];
export type Upstream = Host["upstream"];
export type HeaderEdit = Host["request_headers"][number];
export type TrafficRules = Host["traffic"];
export type HostTls = Host["tls"];
export type ServerState = Host["servers"][number];
export type HostWrite = Schemas["HostInput"];
export type Certificate = Schemas["Certificate"];
export type RevisionItem = Schemas["RevisionItem"];
export type RevisionDiff = Schemas["Diff"];
export type CrowdSec = Schemas["CrowdSec"];
export type External = Schemas["External"];
export type ExternalInput = Schemas["ExternalInput"];
export type AgentHub = Schemas["AgentHub"];
export type HubItem = AgentHub["items"][number];
export type HubPreset = AgentHub["presets"][number];
export type AgentChange = Schemas["AgentChange"];
export type AgentFile = Schemas["AgentFile"];
export type AgentFileContent = Schemas["AgentFileContent"];
export type AgentConsole = Schemas["Console"];
export type AgentWish = Schemas["AgentChangeInput"];
export type AgentAction = AgentWish["action"];
export type Ban = Schemas["Ban"];
export type Enforcement = Schemas["Enforcement"];
export type Captcha = Schemas["Captcha"];
export type NeverBanned = Schemas["NeverBanned"];
export type BanQuery = NonNullable<paths["/api/v1/security/bans"]["get"]["parameters"]["query"]>;
export type Alert = Schemas["Alert"];
/** What the live channel tells of security; not in the API's description, since the channel is one text. */
export interface SecurityEvent {
  number: number;
  time: string;
  kind: "block" | "ban" | "unban" | "state" | "agent" | "proof";
  source: string;
  reason: string;
  client: string;
  host: string;
  request: string;
  request_id: string;
}
export type AlertEvidence = Schemas["AlertEvidence"];
export type Settings = Schemas["Settings"];
export type SettingsWrite = Schemas["SettingsInput"];
export type AuditEntry = Schemas["AuditItem"];
export type AuditQuery = NonNullable<paths["/api/v1/audit"]["get"]["parameters"]["query"]>;
export type Traffic = Schemas["Traffic"];
export type TrafficTotals = Traffic["totals"];
export type TrafficPoint = Traffic["series"][number];
export type StatusCounts = TrafficTotals["status"];
export type TopHost = Traffic["top_hosts"][number];
export type HostTraffic = Schemas["HostTraffic"];
export type LogEntry = Schemas["LogEntry"];
export type BulkRequest = Schemas["BulkInput"];
export type UpstreamTest = Schemas["UpstreamTest"];
export type ServerTest = UpstreamTest["servers"][number];
export type Problem = Schemas["ProblemDetails"];
