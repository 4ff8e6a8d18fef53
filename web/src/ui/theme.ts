// The theme: a wish (system, dark, light) kept in the browser, and what is shown now.
import { useSyncExternalStore } from "react";

export type ThemeWish = "system" | "dark" | "light";
const KEY = "charon.theme";
const watchers = new Set<() => void>();
const media = window.matchMedia("(prefers-color-scheme: light)");

export function themeWish(): ThemeWish {
  try {
    const stored = localStorage.getItem(KEY);
    if (stored === "dark" || stored === "light") return stored;
  } catch {
    // Without storage the system decides.
  }
  return "system";
}

function apply(): void {
  const wish = themeWish();
  document.documentElement.dataset.theme = wish === "system" ? (media.matches ? "light" : "dark") : wish;
  watchers.forEach((watcher) => watcher());
}

export function wishTheme(wish: ThemeWish): void {
  try {
    if (wish === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, wish);
  } catch {
    // The wish holds for this page only.
    if (wish !== "system") document.documentElement.dataset.theme = wish;
  }
  apply();
}

media.addEventListener("change", apply);

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function useThemeWish(): ThemeWish {
  return useSyncExternalStore(watch, themeWish);
}

export function useShownTheme(): string {
  return useSyncExternalStore(watch, () => document.documentElement.dataset.theme ?? "dark");
}
