// The form of a DNS provider: drawn from the schema of its kind, and what is sent of it.
import type { DnsCredential, DnsCredentialInput, DnsKind } from "@/api/schema";

export interface Draft {
  name: string;
  kind: string;
  /** Zones as they are typed: parted by commas, spaces or lines. */
  zones: string;
  fields: Record<string, string>;
  everyName: boolean;
  wait: string;
}

export function draftOf(stored: DnsCredential | undefined): Draft {
  return {
    name: stored?.name ?? "",
    kind: stored?.kind ?? "cloudflare",
    zones: stored?.zones.join(", ") ?? "",
    fields: Object.fromEntries(stored?.fields.map((field) => [field.name, field.value]) ?? []),
    everyName: stored?.every_name ?? false,
    wait: String(stored?.wait_seconds ?? 120),
  };
}

/** What is left empty is not sent: a stored secret stays, and a default holds. Of another kind nothing is sent. */
export function inputOf(draft: Draft, kind: DnsKind): DnsCredentialInput {
  const typed = kind.fields.map((field) => ({ name: field.name, value: draft.fields[field.name] ?? "" }));
  return {
    name: draft.name.trim() || kind.label,
    kind: draft.kind,
    zones: draft.zones.split(/[\s,]+/).filter((zone) => zone !== ""),
    fields: typed.filter((field) => field.value.trim() !== ""),
    every_name: draft.everyName,
    wait_seconds: Number(draft.wait) || 120,
  };
}

/** A secret of this field is stored, and stays when nothing is typed. */
export function isStored(stored: DnsCredential | undefined, kind: string, field: string): boolean {
  return stored?.kind === kind && stored.secret_fields.includes(field);
}
