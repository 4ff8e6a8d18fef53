// Short words after an action, in a live region, with an undo where there is one.
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Dot } from "./badge";
import { Button } from "./button";
import { IconButton } from "./icon-button";

export interface Toast {
  id: number;
  tone: "live" | "failing" | "degraded";
  text: string;
  action?: { label: string; run: () => void };
}

let toasts: Toast[] = [];
let nextId = 1;
const watchers = new Set<() => void>();

function publish(next: Toast[]): void {
  toasts = next;
  watchers.forEach((watcher) => watcher());
}

export function dismissToast(id: number): void {
  publish(toasts.filter((toast) => toast.id !== id));
}

/** Failures stay until closed; the rest leaves by itself, later when there is something to undo. */
export function toast(tone: Toast["tone"], text: string, action?: Toast["action"]): void {
  const id = nextId++;
  publish([...toasts.slice(-3), { id, tone, text, ...(action ? { action } : {}) }]);
  if (tone !== "failing") setTimeout(() => dismissToast(id), action ? 12_000 : 6_000);
}

export function Toasts() {
  const { t } = useTranslation();
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => toasts,
  );
  return (
    <section
      aria-label={t("ui.notifications")}
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-60 flex w-[min(26rem,calc(100vw-2rem))] flex-col gap-2 max-sm:bottom-20"
    >
      {shown.map((item) => (
        <div
          key={item.id}
          role={item.tone === "failing" ? "alert" : undefined}
          className="pointer-events-auto flex items-center gap-3 rounded-md border border-line bg-raised py-1.5 pr-1.5 pl-4 shadow-pop"
        >
          <Dot tone={item.tone} />
          <span className="min-w-0 flex-1 py-1 wrap-anywhere">{item.text}</span>
          {item.action ? (
            <Button
              size="sm"
              onClick={() => {
                item.action?.run();
                dismissToast(item.id);
              }}
            >
              {item.action.label}
            </Button>
          ) : null}
          <IconButton label={t("ui.dismiss")} onClick={() => dismissToast(item.id)}>
            <X aria-hidden size={16} />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
