import { describe, expect, test } from "vitest";
import { backoff, OFF, SILENCE_MS, step, wantsConnection, type LiveState } from "./machine";

const live: LiveState = { kind: "live", lastWord: 1_000, since: 1_000 };

describe("the live connection", () => {
  test("is live only after the server said hello", () => {
    const connecting = step(OFF, { type: "start", at: 0 });
    expect(connecting.kind).toBe("connecting");
    expect(step(connecting, { type: "word", at: 5 }).kind).toBe("connecting");
    expect(step(connecting, { type: "hello", at: 5 })).toEqual({ kind: "live", lastWord: 5, since: 5 });
  });

  test("is not called live when no word came for twelve seconds", () => {
    expect(step(live, { type: "tick", at: 1_000 + SILENCE_MS })).toBe(live);
    const silent = step(live, { type: "tick", at: 1_001 + SILENCE_MS });
    expect(silent).toMatchObject({ kind: "reconnecting", reason: "silence", attempt: 1 });
  });

  test("a heartbeat keeps it live", () => {
    const kept = step(live, { type: "word", at: 9_000 });
    expect(step(kept, { type: "tick", at: 9_000 + SILENCE_MS })).toBe(kept);
  });

  test("waits longer after every failed attempt and remembers when it was lost", () => {
    const first = step(live, { type: "lost", at: 2_000, reason: "lost" });
    expect(first).toMatchObject({ kind: "reconnecting", attempt: 1, since: 2_000, retryAt: 3_000 });
    const second = step(first, { type: "lost", at: 3_500, reason: "refused" });
    expect(second).toMatchObject({ attempt: 2, since: 2_000, retryAt: 3_500 + backoff(2) });
    expect(wantsConnection(second, 4_000)).toBe(false);
    expect(wantsConnection(second, 3_500 + backoff(2))).toBe(true);
    expect(backoff(99)).toBe(15_000);
  });

  test("tries at once when the network is back", () => {
    const gone = step(live, { type: "offline", at: 2_000 });
    expect(wantsConnection(step(gone, { type: "online" }), 2_001)).toBe(true);
  });

  test("does not wait for a hello for ever", () => {
    const connecting = step(OFF, { type: "start", at: 0 });
    expect(step(connecting, { type: "tick", at: SILENCE_MS + 1 })).toMatchObject({ kind: "reconnecting" });
  });

  test("stays off with the reason when the server said goodbye", () => {
    const off = step(live, { type: "bye", reason: "session-ended", detail: "" });
    expect(off).toMatchObject({ kind: "off", reason: "session-ended" });
    expect(step(off, { type: "lost", at: 9, reason: "lost" })).toBe(off);
    expect(step(off, { type: "tick", at: 999_999 })).toBe(off);
  });
});
