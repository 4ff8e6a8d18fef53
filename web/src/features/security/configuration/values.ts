// What the page says, from what the API says.
import type { AgentAction, AgentChange, AgentConsole, HubItem, HubPreset } from "@/api/schema";
import type { Tone } from "@/ui/classes";

/** Items that are drawn at once. */
export const SHOWN = 200;

export type Filter = "on" | "off" | "differs" | "all";
export type Wish = { action: AgentAction; about: string };

const ACTIONS: AgentAction[] = ["install", "remove", "upgrade", "update_index", "packaged_hub", "restore"];

/** A change as it stands in the URL. */
export function writeWish({ action, about }: Wish): string {
  return about ? `${action} ${about}` : action;
}

/** The change that stands in the URL; undefined when it is none. */
export function readWish(text: string | null): Wish | undefined {
  const [word = "", about = ""] = (text ?? "").split(" ", 2);
  const action = ACTIONS.find((each) => each === word);
  return action ? { action, about } : undefined;
}

export function matches(item: HubItem, filter: Filter, text: string): boolean {
  const differs = item.upgrade || item.tainted || item.left_out || item.local;
  const kept = filter === "all" || (filter === "differs" ? differs : item.installed === (filter === "on"));
  const wanted = text.trim().toLowerCase();
  return kept && (wanted === "" || `${item.item} ${item.description}`.toLowerCase().includes(wanted));
}

/** What is to be said of an item besides its name. */
export function badgesOf(item: HubItem) {
  const all = [
    { word: "on", tone: "live", holds: item.installed },
    { word: "needed", tone: "neutral", holds: item.needed },
    { word: "local", tone: "info", holds: item.local },
    { word: "leftOut", tone: "degraded", holds: item.left_out },
    { word: "tainted", tone: "degraded", holds: item.tainted },
    { word: "upgrade", tone: "info", holds: item.upgrade },
    { word: "toFetch", tone: "neutral", holds: !item.here },
  ] as const satisfies { word: string; tone: Tone; holds: boolean }[];
  return all.filter((badge) => badge.holds);
}

export const PRESET_TONE: Record<HubPreset["state"], Tone> = {
  off: "neutral",
  partly: "degraded",
  on: "live",
  unavailable: "neutral",
};

const STATUSES = ["requested", "applying", "applied", "failed", "rolled_back"] as const;
export type Status = (typeof STATUSES)[number] | "other";

/** The status, when it is one of ours. */
export function statusOf(change: AgentChange): Status {
  return STATUSES.find((status) => status === change.status) ?? "other";
}

export const STATUS_TONE: Record<Status, Tone> = {
  requested: "degraded",
  applying: "degraded",
  applied: "live",
  failed: "failing",
  rolled_back: "failing",
  other: "neutral",
};

export const CONSOLE_TONE: Record<AgentConsole["state"], Tone> = {
  not_enrolled: "neutral",
  registering: "degraded",
  pending_acceptance: "degraded",
  enrolled: "live",
  failed: "failing",
};
