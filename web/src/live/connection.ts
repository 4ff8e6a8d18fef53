// One EventSource for the whole page, fed into the state machine; pages subscribe to topics.
import { OFF, step, wantsConnection, type LiveEvent, type LiveReason, type LiveState } from "./machine";

export type Topic = "log" | "security" | "traffic" | "health" | "dropped";
type Handler = (data: unknown) => void;

const EVENTS = ["hello", "log", "security", "traffic", "health", "dropped", "heartbeat", "bye"] as const;
const TICK_MS = 1_000;

export class LiveConnection {
  private state: LiveState = OFF;
  private source: EventSource | null = null;
  private clock: number | undefined;
  private running = false;
  private asked = "";
  /** The last event of security that was seen: a new stream goes on after it. */
  private mark = "";
  private readonly watchers = new Set<() => void>();
  private readonly handlers = new Map<Topic, Set<Handler>>();

  constructor(
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
    private readonly now: () => number = () => Date.now(),
  ) {}

  snapshot = (): LiveState => this.state;

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  start(): void {
    if (this.running) return;
    this.running = true;
    window.addEventListener("offline", this.onOffline);
    window.addEventListener("online", this.onOnline);
    this.clock = window.setInterval(this.onTick, TICK_MS);
    this.dispatch({ type: "start", at: this.now() });
    this.connect();
  }

  stop(): void {
    this.running = false;
    window.removeEventListener("offline", this.onOffline);
    window.removeEventListener("online", this.onOnline);
    window.clearInterval(this.clock);
    this.close();
    this.dispatch({ type: "bye", reason: "not-asked", detail: "" });
  }

  /** Receives a topic until the returned function is called; opens the stream anew when the topics change. */
  subscribe(topic: Topic, handler: Handler): () => void {
    const set = this.handlers.get(topic) ?? new Set();
    // Who begins to look has seen nothing yet.
    if (topic === "security" && set.size === 0) this.mark = "";
    set.add(handler);
    this.handlers.set(topic, set);
    this.reopenIfTopicsChanged();
    return () => {
      set.delete(handler);
      if (set.size === 0) this.handlers.delete(topic);
      this.reopenIfTopicsChanged();
    };
  }

  /** A person pressed "try again". */
  retry(): void {
    this.dispatch({ type: "start", at: this.now() });
    this.connect();
  }

  private topics(): string {
    return (["log", "security", "traffic", "health"] as const)
      .filter((topic) => this.handlers.has(topic))
      .join(",");
  }

  private reopenIfTopicsChanged(): void {
    queueMicrotask(() => {
      if (this.running && this.topics() !== this.asked && this.state.kind !== "off") this.connect();
    });
  }

  private connect(): void {
    this.close();
    this.asked = this.topics();
    const after = this.mark && this.handlers.has("security") ? `&security_after=${this.mark}` : "";
    const source = this.open(`/api/v1/live?topics=${this.asked || "health"}${after}`);
    this.source = source;
    for (const name of EVENTS) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (source === this.source) this.onMessage(name, event.data);
      });
    }
    source.onerror = () => {
      if (source !== this.source) return;
      // The browser's own retry is not used: its state could not be told to the person.
      const refused = source.readyState === EventSource.CLOSED;
      this.close();
      this.dispatch({ type: "lost", at: this.now(), reason: refused ? "refused" : "lost" });
    };
  }

  private onMessage(name: (typeof EVENTS)[number], text: string): void {
    let data: unknown = null;
    try {
      data = JSON.parse(text);
    } catch {
      // A word is a word even when it cannot be read; the topic's handlers are spared.
    }
    if (name === "hello") this.dispatch({ type: "hello", at: this.now() });
    else if (name === "bye") {
      this.close();
      const detail = typeof data === "object" && data !== null && "reason" in data ? String(data.reason) : "";
      const reason: LiveReason = /session|password|role|disabled|logout/i.test(detail)
        ? "session-ended"
        : "closed";
      // A server that shuts down for an update comes back; only an ended session stays off.
      if (reason === "closed") this.dispatch({ type: "lost", at: this.now(), reason });
      else this.dispatch({ type: "bye", reason, detail });
    } else {
      this.dispatch({ type: "word", at: this.now() });
      if (name === "security") this.mark = markAfter(data) || this.mark;
      if (name !== "heartbeat" && data !== null) this.handlers.get(name)?.forEach((handle) => handle(data));
    }
  }

  private onTick = (): void => {
    this.dispatch({ type: "tick", at: this.now() });
    if (!wantsConnection(this.state, this.now())) return;
    this.dispatch({ type: "attempt", at: this.now() });
    this.connect();
  };

  private onOffline = (): void => {
    this.close();
    this.dispatch({ type: "offline", at: this.now() });
  };

  private onOnline = (): void => this.dispatch({ type: "online" });

  private close(): void {
    this.source?.close();
    this.source = null;
  }

  private dispatch(event: LiveEvent): void {
    const next = step(this.state, event);
    if (next === this.state) return;
    // A mere word does not change what is shown; watchers are spared.
    const shown = next.kind !== "live" || this.state.kind !== "live";
    this.state = next;
    if (shown) this.watchers.forEach((watcher) => watcher());
  }
}

/** Where a viewer is after this message; empty when it says nothing of it. */
function markAfter(data: unknown): string {
  if (typeof data !== "object" || data === null || !("epoch" in data) || !("events" in data)) return "";
  const last: unknown = Array.isArray(data.events) ? data.events.at(-1) : undefined;
  const number = typeof last === "object" && last !== null && "number" in last ? last.number : undefined;
  return typeof data.epoch === "string" && typeof number === "number" ? `${data.epoch}.${number}` : "";
}
