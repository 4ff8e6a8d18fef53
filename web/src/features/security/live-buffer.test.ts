import { expect, test } from "vitest";
import type { SecurityEvent } from "@/api/schema";
import { EMPTY, matches, resume, take } from "./live-buffer";

const event = (number: number, more: Partial<SecurityEvent> = {}): SecurityEvent => ({
  number,
  time: "2026-01-01T00:00:00Z",
  kind: "block",
  source: "crowdsec",
  reason: "crowdsecurity/http-probing",
  client: "192.0.2.1",
  host: "a.example.com",
  request: "GET /",
  request_id: "r",
  ...more,
});
const numbers = (events: SecurityEvent[]) => events.map((each) => each.number);

test("what comes twice after a reconnection stands once, the newest first", () => {
  let buffer = take(EMPTY, { epoch: "a", events: [event(1), event(2)], missed: 0 }, false);
  buffer = take(buffer, { epoch: "a", events: [event(2), event(3)], missed: 4 }, false);
  expect(numbers(buffer.events)).toEqual([3, 2, 1]);
  expect(buffer).toMatchObject({ missed: 4, restarted: false });
});

test("a server that began anew is told of, and its numbers are not taken for known ones", () => {
  let buffer = take(EMPTY, { epoch: "a", events: [event(7)], missed: 0 }, false);
  buffer = take(buffer, { epoch: "b", events: [event(1)], missed: 0 }, false);
  expect(buffer.events.map((each) => each.key)).toEqual(["b.1", "a.7"]);
  expect(buffer.restarted).toBe(true);
});

test("while it is paused nothing moves and nothing is lost", () => {
  let buffer = take(EMPTY, { epoch: "a", events: [event(1)], missed: 0 }, false);
  buffer = take(buffer, { epoch: "a", events: [event(2), event(3)], missed: 0 }, true);
  expect(numbers(buffer.events)).toEqual([1]);
  expect(numbers(resume(buffer).events)).toEqual([3, 2, 1]);
});

test("events are found by kind and by words", () => {
  expect(matches(event(1), { kind: "", words: "PROBING 192.0" })).toBe(true);
  expect(matches(event(1), { kind: "ban", words: "" })).toBe(false);
});
