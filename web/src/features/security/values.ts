// What the card says, from what the API says.
import type { Ban, BanQuery, CrowdSec } from "@/api/schema";
import type { Tone } from "@/ui/classes";

/** The colour of the fact. */
export const PHASE_TONE: Record<CrowdSec["state"], Tone> = {
  unknown: "neutral",
  off: "neutral",
  starting: "degraded",
  running: "live",
  failing: "failing",
  not_installed: "failing",
};

/** Whether the fact is not yet what is wished, without anything being wrong. */
export function isFollowing(crowdsec: CrowdSec): boolean {
  return crowdsec.enabled
    ? crowdsec.state === "off" || crowdsec.state === "unknown"
    : crowdsec.state !== "off" && crowdsec.state !== "unknown";
}

/** What the badge of the proof says. */
export function proofOf(crowdsec: CrowdSec): "off" | "untried" | "broken" | "none" | "partly" | "proven" {
  if (!crowdsec.enabled) return "off";
  if (crowdsec.proof.broken_link === "untried") return "untried";
  if (crowdsec.proof.broken_link) return "broken";
  if (crowdsec.proof.not_proven && crowdsec.proof.partly_at) return "partly";
  return crowdsec.proof.proven_at ? "proven" : "none";
}

/** Lines of text as a list. */
export function toList(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Bans of a page. */
export const PAGE = 50;
export const ORIGINS = ["manual", "crowdsec", "cscli", "CAPI", "lists"] as const;
export const SCOPES = ["ip", "range", "country", "as"] as const;
export const TYPES = ["ban", "captcha"] as const;

/** What tells one ban from another. */
export function banKey(ban: Ban): string {
  return `${ban.origin} ${ban.scope} ${ban.value} ${ban.type}`;
}

/** Whether a text looks like (the beginning of) an address or a network, rather than like a reason. */
export function isAddress(text: string): boolean {
  return /^[0-9a-f.:/]+$/i.test(text) && /[.:]/.test(text);
}

/** What the filters ask for; those that are empty ask for nothing. */
export function banQuery(filters: Record<"q" | "origin" | "scope" | "type", string>): BanQuery {
  const { q, origin, scope, type } = filters;
  const text = q.trim();
  const asked = { [isAddress(text) ? "value" : "reason"]: text, origin, scope, type };
  return Object.fromEntries(Object.entries(asked).filter(([, wanted]) => wanted !== ""));
}

/** How a ban is named to end it: by its value, unless that says nothing by itself, as of a country. */
export function endsBy(ban: Ban): { value: string } | { id: number } {
  if (ban.scope === "ip" || ban.scope === "range" || ban.id == null) return { value: ban.value };
  return { id: ban.id };
}

export const MOST_STEPS = 8;
export const UNITS = ["minutes", "hours", "days"] as const;
export type Unit = (typeof UNITS)[number];
/** A length of time as it is typed. */
export interface Length {
  amount: string;
  unit: Unit;
}
const FACTOR: Record<Unit, number> = { minutes: 1, hours: 60, days: 1440 };

/** In the largest unit that needs no fraction. */
export function fromMinutes(minutes: number): Length {
  const unit = minutes % 1440 === 0 ? "days" : minutes % 60 === 0 ? "hours" : "minutes";
  return { amount: String(minutes / FACTOR[unit]), unit };
}

export function toMinutes({ amount, unit }: Length): number {
  return Math.round(Number(amount)) * FACTOR[unit];
}
