// Words for the entries of the audit.
import type { AuditEntry } from "@/api/schema";
import { capital } from "@/ui/format";

/** The kinds of things that can be asked for, as the API names them. */
export const TYPES = [
  "proxy_host",
  "certificate",
  "user",
  "auth",
  "session",
  "api_token",
  "settings",
  "revision",
  "backup",
] as const;

/** "proxy_host.create" becomes "proxy host: create". */
export function actionText(action: string): string {
  const [what = "", ...rest] = action.replaceAll("_", " ").split(".");
  return rest.length > 0 ? `${what}: ${rest.join(" ")}` : what;
}

/** What was done, as a sentence where there is one; entries of the original product only have their machine name. */
export function deedText(entry: Pick<AuditEntry, "action" | "details">): string {
  const text = entry.action.includes(".") ? entry.details : "";
  return capital(text || actionText(entry.action));
}
