// The state of the live connection as a pure function of events, so that what the page shows can be tested.

/** Without any word from the server for this long, the stream is not called live. */
export const SILENCE_MS = 12_000;
const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

export type LiveReason =
  "silence" | "refused" | "lost" | "offline" | "session-ended" | "closed" | "forbidden" | "not-asked";

export type LiveState =
  | { kind: "connecting"; attempt: number; since: number }
  | { kind: "live"; lastWord: number; since: number }
  | { kind: "reconnecting"; attempt: number; since: number; retryAt: number; reason: LiveReason }
  | { kind: "off"; reason: LiveReason; detail: string };

export type LiveEvent =
  | { type: "start"; at: number }
  | { type: "hello"; at: number }
  | { type: "word"; at: number }
  | { type: "lost"; at: number; reason: LiveReason }
  | { type: "attempt"; at: number }
  | { type: "offline"; at: number }
  | { type: "online" }
  | { type: "bye"; reason: LiveReason; detail: string }
  | { type: "tick"; at: number };

export const OFF: LiveState = { kind: "off", reason: "not-asked", detail: "" };

export function backoff(attempt: number): number {
  return BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length) - 1] ?? 15_000;
}

function reconnect(state: LiveState, at: number, reason: LiveReason): LiveState {
  const attempt = state.kind === "reconnecting" || state.kind === "connecting" ? state.attempt + 1 : 1;
  const since = state.kind === "reconnecting" ? state.since : at;
  return { kind: "reconnecting", attempt, since, retryAt: at + backoff(attempt), reason };
}

export function step(state: LiveState, event: LiveEvent): LiveState {
  switch (event.type) {
    case "start":
      return state.kind === "reconnecting" ? state : { kind: "connecting", attempt: 0, since: event.at };
    case "hello":
      return { kind: "live", lastWord: event.at, since: event.at };
    case "word":
      return state.kind === "live" ? { ...state, lastWord: event.at } : state;
    case "lost":
      return state.kind === "off" ? state : reconnect(state, event.at, event.reason);
    case "attempt":
      // An attempt has as long as a live stream may be silent; then the next one begins.
      return state.kind === "reconnecting" ? { ...state, retryAt: event.at + SILENCE_MS } : state;
    case "offline":
      return state.kind === "off" ? state : reconnect(state, event.at, "offline");
    case "online":
      return state.kind === "reconnecting" ? { ...state, retryAt: 0 } : state;
    case "bye":
      return { kind: "off", reason: event.reason, detail: event.detail };
    case "tick":
      if (state.kind === "live" && event.at - state.lastWord > SILENCE_MS)
        return reconnect(state, event.at, "silence");
      if (state.kind === "connecting" && event.at - state.since > SILENCE_MS)
        return reconnect(state, event.at, "refused");
      return state;
  }
}

/** True when the machine wants a new connection to be opened now. */
export function wantsConnection(state: LiveState, at: number): boolean {
  return state.kind === "reconnecting" && at >= state.retryAt;
}
