// The requests that the page keeps, newest first, and what is shown of them.
import type { LogEntry } from "@/api/schema";

export const KEPT = 2_000;

export interface Filter {
  host: string;
  statusClass: string;
  words: string;
}

export interface Buffer {
  /** Newest first. */
  entries: LogEntry[];
  /** Newer ones that wait while the page is paused, newest first. */
  waiting: LogEntry[];
  known: ReadonlySet<string>;
}

export const EMPTY: Buffer = { entries: [], waiting: [], known: new Set() };

/** Takes in entries of any order; those already known are left out. */
export function take(buffer: Buffer, incoming: LogEntry[], paused: boolean): Buffer {
  const known = new Set(buffer.known);
  const fresh = incoming.filter((entry) => {
    if (known.has(entry.request_id)) return false;
    known.add(entry.request_id);
    return true;
  });
  if (fresh.length === 0) return buffer;
  const merged = newestFirst([...fresh, ...(paused ? buffer.waiting : buffer.entries)]).slice(0, KEPT);
  const next = paused
    ? { entries: buffer.entries, waiting: merged }
    : { entries: merged, waiting: buffer.waiting };
  // The set may only grow as long as what it protects.
  const kept =
    known.size > KEPT * 3
      ? new Set([...next.entries, ...next.waiting].map((entry) => entry.request_id))
      : known;
  return { ...next, known: kept };
}

export function resume(buffer: Buffer): Buffer {
  return {
    ...buffer,
    entries: newestFirst([...buffer.waiting, ...buffer.entries]).slice(0, KEPT),
    waiting: [],
  };
}

function newestFirst(entries: LogEntry[]): LogEntry[] {
  return entries.sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
}

export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/** Everything but the status class, which has its own counts. */
export function matchesText(entry: LogEntry, filter: Filter): boolean {
  if (filter.host && entry.host !== filter.host && entry.host_name !== filter.host) return false;
  if (!filter.words) return true;
  const text =
    `${entry.method} ${entry.path}?${entry.query} ${entry.client_ip} ${entry.host} ${entry.user_agent} ${entry.request_id} ${entry.status}`.toLowerCase();
  return filter.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
