// What the card says, from what the API says.
import type { CrowdSec } from "@/api/schema";
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
export function proofOf(crowdsec: CrowdSec): "off" | "untried" | "broken" | "none" | "proven" {
  if (!crowdsec.enabled) return "off";
  if (crowdsec.proof.broken_link === "untried") return "untried";
  if (crowdsec.proof.broken_link) return "broken";
  return crowdsec.proof.proven_at ? "proven" : "none";
}

/** Lines of text as a list. */
export function toList(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
