// Filters and sorting live in the URL, so that a view can be bookmarked and sent to someone.
import type { SortingState } from "@tanstack/react-table";
import { useEffect, useRef, type RefObject } from "react";
import { useLocation, useSearchParams } from "react-router";

export function useParam(name: string, fallback = ""): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  return [
    params.get(name) ?? fallback,
    (value) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (value === fallback || value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true, preventScrollReset: true },
      ),
  ];
}

export function readSort(text: string): SortingState {
  if (!text) return [];
  return text.startsWith("-") ? [{ id: text.slice(1), desc: true }] : [{ id: text, desc: false }];
}

export function writeSort(sorting: SortingState): string {
  const first = sorting[0];
  return first ? `${first.desc ? "-" : ""}${first.id}` : "";
}

/** For the part of a page that an address names after `#`: it is opened, scrolled to and focused. */
export function useHashTarget<E extends HTMLElement>(name: string): RefObject<E | null> {
  const ref = useRef<E>(null);
  const { hash, key } = useLocation();
  useEffect(() => {
    const part = ref.current;
    if (!part || hash !== `#${name}`) return;
    if (part instanceof HTMLDetailsElement) part.open = true;
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
    part.scrollIntoView();
  }, [hash, key, name]);
  return ref;
}
