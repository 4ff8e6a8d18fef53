// Class names shared by several primitives.
import { clsx } from "clsx";

export const cx = clsx;

export type Tone = "live" | "degraded" | "failing" | "info" | "neutral" | "accent";

export const TONE_TEXT: Record<Tone, string> = {
  live: "text-live",
  degraded: "text-degraded",
  failing: "text-failing",
  info: "text-info",
  neutral: "text-muted",
  accent: "text-accent-text",
};

export const TONE_SOFT: Record<Tone, string> = {
  live: "bg-live-soft text-live",
  degraded: "bg-degraded-soft text-degraded",
  failing: "bg-failing-soft text-failing",
  info: "bg-info-soft text-info",
  neutral: "bg-hover text-muted",
  accent: "bg-accent-soft text-accent-text",
};

export const TONE_DOT: Record<Tone, string> = {
  live: "bg-live",
  degraded: "bg-degraded",
  failing: "bg-failing",
  info: "bg-info",
  neutral: "bg-faint",
  accent: "bg-accent",
};

export const INPUT =
  "h-9 w-full min-w-0 rounded-md border border-line-strong bg-field px-3 text-base text-text placeholder:text-faint " +
  "aria-invalid:border-failing disabled:opacity-60 max-sm:h-11 max-sm:text-lg";
