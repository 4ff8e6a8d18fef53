// How each traffic feature is switched on and off, and what it is in a few words.
import type { TFunction } from "i18next";
import type { TrafficRules } from "@/api/schema";
import type { Rule } from "./mode";

export type Redirect = NonNullable<TrafficRules["redirects"]>[number];
export type Rewrite = NonNullable<TrafficRules["rewrite"]>[number];

const COMPRESSION_TYPES =
  "text/* application/javascript application/json application/ld+json application/manifest+json application/problem+json application/wasm application/xhtml+xml application/xml application/rss+xml application/atom+xml application/vnd.ms-fontobject font/otf font/ttf image/bmp image/svg+xml image/x-icon";

export const NEW_REDIRECT: Redirect = {
  match: { prefix: "/" },
  to: "",
  status: 302,
  keep_path: false,
  keep_query: false,
};
export const NEW_REWRITE: Rewrite = { action: "strip_prefix", prefix: "/" };

const some = (list: readonly unknown[]) => list.length > 0;

export const RULES: { [K in Exclude<keyof TrafficRules, "max_body" | "buffer_body">]-?: Rule<K> } = {
  maintenance: {
    name: "maintenance",
    fresh: { enabled: true, message: "", retry_after: 300, html: null, bypass: [] },
    isOn: (value) => value.enabled,
    off: (value) => ({ ...value, enabled: false }),
    on: (value) => ({ ...value, enabled: true }),
  },
  redirects: {
    name: "redirects",
    fresh: [NEW_REDIRECT],
    isOn: some,
    off: () => [],
    on: () => [NEW_REDIRECT],
  },
  rewrite: {
    name: "rewrite",
    fresh: [NEW_REWRITE],
    isOn: some,
    off: () => [],
    on: () => [NEW_REWRITE],
  },
  cors: {
    name: "cors",
    fresh: { origins: [""], methods: [], headers: [], expose: [], credentials: false, max_age: 600 },
    isOn: (value) => some(value.origins),
    off: (value) => ({ ...value, origins: [] }),
    on: (value) => ({ ...value, origins: [""] }),
  },
  compression: {
    name: "compression",
    fresh: {
      algorithms: ["zstd", "brotli", "gzip"],
      level: "balanced",
      types: COMPRESSION_TYPES.split(" "),
      min_length: 1024,
    },
    isOn: (value) => some(value.algorithms),
    off: (value) => ({ ...value, algorithms: [] }),
    on: (value) => ({ ...value, algorithms: ["zstd", "brotli", "gzip"] }),
  },
  security_headers: {
    name: "security_headers",
    fresh: { preset: "basic", override_origin: false },
    isOn: (value) => value.preset !== "off",
    off: (value) => ({ ...value, preset: "off" }),
    on: (value) => ({ ...value, preset: "basic" }),
  },
  error_pages: {
    name: "error_pages",
    fresh: { pages: [{ statuses: "500-599", html: "" }], replace_origin: false },
    isOn: (value) => some(value.pages),
    off: (value) => ({ ...value, pages: [] }),
    on: (value) => ({ ...value, pages: [{ statuses: "500-599", html: "" }] }),
  },
  request_id: {
    name: "request_id",
    fresh: { header: "X-Request-Id", take_over: false, answer: false },
    isOn: () => true,
    off: (value) => value,
    on: (value) => value,
  },
};

/** The parts of the traffic rules in the order in which they are shown; some hold two fields. */
export const PARTS = {
  maintenance: ["maintenance"],
  redirects: ["redirects"],
  rewrite: ["rewrite"],
  compression: ["compression"],
  security_headers: ["security_headers"],
  cors: ["cors"],
  error_pages: ["error_pages"],
  bodies: ["max_body", "buffer_body"],
  request_id: ["request_id"],
} as const satisfies Record<string, readonly (keyof TrafficRules)[]>;
export type PartName = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as PartName[];

export function sizeText(bytes: number): string {
  const [unit, name] = bytes < 1_000_000 ? [1000, "kB"] : [1_000_000, "MB"];
  return `${Math.round((bytes / unit) * 100) / 100} ${name}`;
}

/** What a part holds, in a few words; null when it is off or as usual. */
export function describe(t: TFunction, part: PartName, value: TrafficRules): string | null {
  const { maintenance, redirects, rewrite, compression, security_headers, cors, error_pages } = value;
  switch (part) {
    case "maintenance":
      return maintenance?.enabled ? t("hostTraffic.says.maintenance") : null;
    case "redirects":
      return redirects?.length ? t("hostTraffic.says.redirects", { count: redirects.length }) : null;
    case "rewrite":
      return rewrite?.length ? t("hostTraffic.says.rewrite", { count: rewrite.length }) : null;
    case "compression":
      return compression?.algorithms.length ? compression.algorithms.join(", ") : null;
    case "security_headers":
      return security_headers && security_headers.preset !== "off"
        ? t(`hostTraffic.presetShort.${security_headers.preset}`)
        : null;
    case "cors":
      return cors?.origins.length
        ? cors.origins.filter(Boolean).join(", ") || t("hostTraffic.modes.own")
        : null;
    case "error_pages":
      return error_pages?.pages.length
        ? t("hostTraffic.says.pages", { count: error_pages.pages.length })
        : null;
    case "bodies":
      return (
        [
          ...(value.max_body ? [t("hostTraffic.says.maxBody", { size: sizeText(value.max_body) })] : []),
          ...(value.buffer_body
            ? [t("hostTraffic.says.bufferBody", { size: Math.round(value.buffer_body / 1024) })]
            : []),
        ].join(", ") || null
      );
    case "request_id":
      return value.request_id
        ? [
            value.request_id.header || t("hostTraffic.says.noIdHeader"),
            ...(value.request_id.take_over ? [t("hostTraffic.says.takeOver")] : []),
            ...(value.request_id.answer ? [t("hostTraffic.says.answerId")] : []),
          ].join(", ")
        : null;
  }
}

/** Whether a part of a location says something else than "as the host". */
export function isSet(part: PartName, value: TrafficRules): boolean {
  return PARTS[part].some((name) => value[name] !== null);
}
