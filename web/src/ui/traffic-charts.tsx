// The two charts that the overview and a host's page share.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { TrafficPoint } from "@/api/schema";
import { milliseconds, rate } from "./format";
import { TimeChart } from "./lazy-chart";

const CLASSES = [
  ["2xx", "live"],
  ["3xx", "info"],
  ["4xx", "degraded"],
  ["5xx", "failing"],
] as const;

function useTimes(series: TrafficPoint[]): number[] {
  return useMemo(() => series.map((point) => new Date(point.time).getTime()), [series]);
}

/** Requests per second, as bands by status class. A point counts the requests of two seconds. */
export function RequestsChart({ series, height }: { series: TrafficPoint[]; height?: number }) {
  const { t } = useTranslation();
  const times = useTimes(series);
  const bands = useMemo(
    () =>
      CLASSES.map(([name, token]) => ({
        label: name,
        token,
        values: series.map((point) => {
          const sum = point["2xx"] + point["3xx"] + point["4xx"] + point["5xx"];
          return sum === 0 ? 0 : (point.requests_per_second * point[name]) / sum;
        }),
      })),
    [series],
  );
  return (
    <TimeChart
      label={t("overview.rps")}
      times={times}
      series={bands}
      stacked
      format={(value) => rate(value ?? 0)}
      {...(height ? { height } : {})}
    />
  );
}

export function LatencyChart({ series, height }: { series: TrafficPoint[]; height?: number }) {
  const { t } = useTranslation();
  const times = useTimes(series);
  const lines = useMemo(
    () => [
      { label: "p50", token: "live", values: series.map((point) => point.p50_ms ?? null) },
      { label: "p95", token: "accent", values: series.map((point) => point.p95_ms ?? null) },
    ],
    [series],
  );
  return (
    <TimeChart
      label={t("overview.latency")}
      times={times}
      series={lines}
      format={milliseconds}
      {...(height ? { height } : {})}
    />
  );
}
