import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveConnection } from "./connection";

class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  readyState = 1;
  closed = false;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }
  close(): void {
    this.closed = true;
  }
  say(name: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}

let connection: LiveConnection;
const latest = (): FakeSource => FakeSource.all.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", { CLOSED: 2 });
  FakeSource.all = [];
  connection = new LiveConnection((url) => new FakeSource(url) as unknown as EventSource);
});
afterEach(() => {
  connection.stop();
  vi.useRealTimers();
});

test("a silent stream is dropped and opened again, and only hello makes it live", () => {
  connection.start();
  latest().say("hello", {});
  expect(connection.snapshot().kind).toBe("live");
  vi.advanceTimersByTime(14_000);
  expect(connection.snapshot()).toMatchObject({ kind: "reconnecting", reason: "silence" });
  vi.advanceTimersByTime(2_000);
  expect(FakeSource.all.length).toBe(2);
  expect(FakeSource.all[0]!.closed).toBe(true);
  expect(connection.snapshot().kind).toBe("reconnecting");
  latest().say("hello", {});
  expect(connection.snapshot().kind).toBe("live");
});

test("a topic that a page asks for later opens the stream anew with it", async () => {
  connection.subscribe("health", () => undefined);
  connection.start();
  latest().say("hello", {});
  const seen: unknown[] = [];
  connection.subscribe("log", (data) => seen.push(data));
  await Promise.resolve();
  expect(latest().url).toContain("log,health");
  latest().say("hello", {});
  latest().say("log", { entries: [1] });
  expect(seen).toEqual([{ entries: [1] }]);
});

test("events of security go on after the last one that was seen, and a new viewer begins anew", async () => {
  const stop = connection.subscribe("security", () => undefined);
  connection.start();
  expect(latest().url).not.toContain("security_after");
  latest().say("hello", {});
  latest().say("security", { epoch: "ab", events: [{ number: 3 }, { number: 4 }], missed: 0 });
  latest().say("security", { epoch: "ab", events: [], missed: 2 });
  latest().readyState = 2;
  latest().onerror?.();
  vi.advanceTimersByTime(2_500);
  expect(latest().url).toContain("&security_after=ab.4");
  stop();
  await Promise.resolve();
  connection.subscribe("security", () => undefined);
  await Promise.resolve();
  expect(latest().url).not.toContain("security_after");
});

test("an ended session is told and not tried again", () => {
  connection.start();
  latest().say("hello", {});
  latest().say("bye", { reason: "session ended" });
  vi.advanceTimersByTime(60_000);
  expect(connection.snapshot()).toMatchObject({ kind: "off", reason: "session-ended" });
  expect(FakeSource.all.length).toBe(1);
});

test("a refused stream is tried again with growing pauses", () => {
  connection.start();
  latest().readyState = 2;
  latest().onerror?.();
  expect(connection.snapshot()).toMatchObject({ kind: "reconnecting", reason: "refused" });
  vi.advanceTimersByTime(2_500);
  expect(FakeSource.all.length).toBe(2);
});
