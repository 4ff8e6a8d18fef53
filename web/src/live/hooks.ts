// How pages use the live connection.
import { createContext, useContext, useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { LiveConnection, type Topic } from "./connection";
import type { LiveState } from "./machine";

export const LiveContext = createContext(new LiveConnection());

export function useLiveState(): LiveState {
  const connection = useContext(LiveContext);
  return useSyncExternalStore(connection.watch, connection.snapshot);
}

export function useLiveRetry(): () => void {
  const connection = useContext(LiveContext);
  return () => connection.retry();
}

/** Calls the handler for every event of the topic while the component is shown and `wanted`. */
export function useLive(topic: Topic, handler: (data: unknown) => void, wanted = true): void {
  const connection = useContext(LiveContext);
  const latest = useEffectEvent(handler);
  useEffect(() => {
    if (!wanted) return;
    return connection.subscribe(topic, (data) => latest(data));
  }, [connection, topic, wanted]);
}
