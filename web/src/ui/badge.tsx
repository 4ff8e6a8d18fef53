// Small words that carry a state. Colour never stands alone: there is always the word.
import type { ReactNode } from "react";
import { cx, TONE_DOT, TONE_SOFT, TONE_TEXT, type Tone } from "./classes";

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={cx(
        "inline-flex h-5 items-center gap-1 rounded-sm px-1.5 text-xs font-medium whitespace-nowrap",
        TONE_SOFT[tone],
      )}
    >
      {children}
    </span>
  );
}

export function Dot({ tone, className }: { tone: Tone; className?: string }) {
  return (
    <span
      aria-hidden
      className={cx("inline-block size-2 shrink-0 rounded-full", TONE_DOT[tone], className)}
    />
  );
}

/** `wrap`: for sentences; a word or two stay on one line. */
export function State({ tone, wrap, children }: { tone: Tone; wrap?: boolean; children: ReactNode }) {
  const layout = wrap ? "items-baseline" : "items-center whitespace-nowrap";
  return (
    <span className={cx("inline-flex gap-2", layout, TONE_TEXT[tone])}>
      <Dot tone={tone} />
      {children}
    </span>
  );
}

export function statusTone(status: number): Tone {
  if (status >= 500) return "failing";
  if (status >= 400) return "degraded";
  if (status >= 300) return "info";
  if (status >= 200) return "live";
  return "neutral";
}
