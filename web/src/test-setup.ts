// jsdom lacks a few things of a browser that the interface asks for when it loads.
import { afterEach } from "vitest";
import { cleanup } from "@testing-library/react";
import { ready } from "@/i18n";

window.matchMedia = (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as unknown as MediaQueryList;

globalThis.ResizeObserver = class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};

await ready;
afterEach(cleanup);
