// Whether the session has ended while pages are open. They stay, and the sign-in comes over them.
import { useSyncExternalStore } from "react";
import { onSessionEnded } from "@/api/client";

let ended = false;
const watchers = new Set<() => void>();

function set(value: boolean): void {
  ended = value;
  watchers.forEach((watcher) => watcher());
}

onSessionEnded(() => set(true));

export function sessionRenewed(): void {
  set(false);
}

export function useSessionEnded(): boolean {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => ended,
  );
}
