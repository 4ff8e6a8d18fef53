// Keeps the traffic picture current from the stream.
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import type { StatusCounts, Traffic, TrafficPoint, TrafficTotals } from "@/api/schema";
import { useLive, useLiveState } from "./hooks";

const KEPT_POINTS = 150;

function isPoint(value: unknown): value is TrafficPoint {
  return typeof value === "object" && value !== null && "time" in value && "requests_per_second" in value;
}

/** One event carries a point of the series and the totals; the point may stand alone or under `point`. */
export function addPoint(traffic: Traffic, data: unknown): Traffic {
  if (typeof data !== "object" || data === null) return traffic;
  const event = data as { point?: unknown; totals?: TrafficTotals };
  const point = event.point ?? data;
  if (!isPoint(point)) return traffic;
  const { time, requests_per_second, p50_ms, p95_ms } = point;
  const last = traffic.series.at(-1);
  if (last && last.time >= time) return traffic;
  const next: TrafficPoint = {
    time,
    requests_per_second,
    p50_ms,
    p95_ms,
    "2xx": point["2xx"],
    "3xx": point["3xx"],
    "4xx": point["4xx"],
    "5xx": point["5xx"],
  };
  return {
    ...traffic,
    now: time,
    totals: event.totals ?? traffic.totals,
    series: [...traffic.series, next].slice(-KEPT_POINTS),
  };
}

/** What happened within the shown minutes. The totals of the API count since the start of the process. */
export function withinWindow(series: TrafficPoint[]): StatusCounts & { requests: number } {
  const sum = (name: "2xx" | "3xx" | "4xx" | "5xx") => series.reduce((all, point) => all + point[name], 0);
  const counts = { "1xx": 0, "2xx": sum("2xx"), "3xx": sum("3xx"), "4xx": sum("4xx"), "5xx": sum("5xx") };
  return { ...counts, requests: counts["2xx"] + counts["3xx"] + counts["4xx"] + counts["5xx"] };
}

export function useTraffic(): UseQueryResult<Traffic> {
  const client = useQueryClient();
  const live = useLiveState().kind === "live";
  useLive("traffic", (data) => {
    client.setQueryData<Traffic>(queries.traffic(false).queryKey, (old) => (old ? addPoint(old, data) : old));
  });
  return useQuery(queries.traffic(!live));
}
