// The events that the live log of security keeps, newest first, and what is shown of them.
import type { SecurityEvent } from "@/api/schema";

export const KEPT = 2_000;
export const KINDS = ["block", "ban", "unban", "state", "agent", "proof"] as const;

export interface Batch {
  epoch: string;
  events: SecurityEvent[];
  missed: number;
}

export interface Buffer {
  epoch: string;
  /** Newest first. */
  events: Shown[];
  /** Newer ones that wait while the page is paused, newest first. */
  waiting: Shown[];
  /** Events that the server does not have any more. */
  missed: number;
  /** The server has begun anew meanwhile: what it kept in memory is gone. */
  restarted: boolean;
}

/** An event with a name of its own: numbers begin anew with the server. */
export type Shown = SecurityEvent & { key: string };

export const EMPTY: Buffer = { epoch: "", events: [], waiting: [], missed: 0, restarted: false };

export function isBatch(data: unknown): data is Batch {
  return typeof data === "object" && data !== null && "epoch" in data && "events" in data;
}

/** Takes in a message. Events come in order, and those already known are left out. */
export function take(buffer: Buffer, batch: Batch, paused: boolean): Buffer {
  const restarted = buffer.epoch !== "" && buffer.epoch !== batch.epoch;
  const last = restarted ? 0 : Math.max(buffer.waiting[0]?.number ?? 0, buffer.events[0]?.number ?? 0);
  const fresh = batch.events
    .filter((event) => event.number > last)
    .map((event) => ({ ...event, key: `${batch.epoch}.${event.number}` }))
    .reverse();
  return {
    epoch: batch.epoch,
    missed: buffer.missed + batch.missed,
    restarted: buffer.restarted || restarted,
    events: paused ? buffer.events : [...fresh, ...buffer.events].slice(0, KEPT),
    waiting: paused ? [...fresh, ...buffer.waiting].slice(0, KEPT) : buffer.waiting,
  };
}

export function resume(buffer: Buffer): Buffer {
  return { ...buffer, events: [...buffer.waiting, ...buffer.events].slice(0, KEPT), waiting: [] };
}

export function matches(event: SecurityEvent, filter: { kind: string; words: string }): boolean {
  if (filter.kind && event.kind !== filter.kind) return false;
  const text =
    `${event.source} ${event.reason} ${event.client} ${event.host} ${event.request} ${event.request_id}`.toLowerCase();
  return filter.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
