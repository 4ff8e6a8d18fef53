// A moment, as distance from now, with the exact time behind it.
import { useSyncExternalStore } from "react";
import { ago, dateTime, elapsed } from "./format";

let now = Date.now();
const watchers = new Set<() => void>();
let clock: number | undefined;

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  if (clock === undefined) now = Date.now();
  clock ??= window.setInterval(() => {
    now = Date.now();
    watchers.forEach((each) => each());
  }, 5_000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      window.clearInterval(clock);
      clock = undefined;
    }
  };
}

/** The current time in milliseconds, renewed every five seconds for all who show it. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now);
}

export function Ago({ time }: { time: string }) {
  const current = useNow();
  return (
    <time dateTime={time} title={dateTime(time)} className="whitespace-nowrap">
      {ago(time, current)}
    </time>
  );
}

/** How long it has lasted: "4 minutes". */
export function Elapsed({ time }: { time: string }) {
  const current = useNow();
  return (
    <time dateTime={time} title={dateTime(time)} className="whitespace-nowrap">
      {elapsed(time, current)}
    </time>
  );
}
