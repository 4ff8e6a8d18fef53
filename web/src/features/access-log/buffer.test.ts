import { expect, test } from "vitest";
import type { LogEntry } from "@/api/schema";
import { EMPTY, KEPT, matchesText, resume, take } from "./buffer";

const entry = (id: number, more: Partial<LogEntry> = {}) =>
  ({
    request_id: `r${id}`,
    time: new Date(Date.UTC(2026, 0, 1) + id).toISOString(),
    method: "GET",
    path: "/",
    query: "",
    client_ip: "192.0.2.1",
    host: "a.example",
    host_name: "A",
    user_agent: "curl",
    status: 200,
    ...more,
  }) as LogEntry;

test("what arrives twice, from the stream and from the first load, is shown once and newest first", () => {
  const first = take(EMPTY, [entry(2), entry(1)], false);
  const second = take(first, [entry(1), entry(3)], false);
  expect(second.entries.map((each) => each.request_id)).toEqual(["r3", "r2", "r1"]);
  expect(take(second, [entry(3)], false)).toBe(second);
});

test("while paused new requests wait and are counted, and none is lost at resume", () => {
  const before = take(EMPTY, [entry(1)], false);
  const paused = take(before, [entry(2), entry(3)], true);
  expect(paused.entries).toBe(before.entries);
  expect(paused.waiting.length).toBe(2);
  const after = resume(paused);
  expect(after.entries.map((each) => each.request_id)).toEqual(["r3", "r2", "r1"]);
  expect(after.waiting).toEqual([]);
});

test("memory is bounded", () => {
  let buffer = EMPTY;
  for (let at = 0; at < KEPT * 4; at += 500)
    buffer = take(
      buffer,
      Array.from({ length: 500 }, (_, index) => entry(at + index)),
      false,
    );
  expect(buffer.entries.length).toBe(KEPT);
  expect(buffer.known.size).toBeLessThanOrEqual(KEPT * 3);
  expect(buffer.entries[0]?.request_id).toBe(`r${KEPT * 4 - 1}`);
});

test("all words must be found, and a host is meant by its name or its domain", () => {
  const filter = { host: "A", statusClass: "", words: "get 192.0.2" };
  expect(matchesText(entry(1), filter)).toBe(true);
  expect(matchesText(entry(1, { method: "POST" }), filter)).toBe(false);
  expect(matchesText(entry(1, { host_name: "B" }), filter)).toBe(false);
  expect(matchesText(entry(1), { ...filter, host: "a.example" })).toBe(true);
});
