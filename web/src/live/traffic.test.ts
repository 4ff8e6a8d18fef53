import { expect, test } from "vitest";
import type { Traffic } from "@/api/schema";
import { addPoint, withinWindow } from "./traffic";

const point = (time: string) => ({
  time,
  requests_per_second: 2,
  "2xx": 4,
  "3xx": 0,
  "4xx": 0,
  "5xx": 0,
  p50_ms: 3,
  p95_ms: 9,
});
const traffic = {
  series: [point("2026-01-01T00:00:00.000Z")],
  totals: { requests: 1 },
} as unknown as Traffic;

test("a new point is appended and the totals follow", () => {
  const next = addPoint(traffic, { ...point("2026-01-01T00:00:02.000Z"), totals: { requests: 5 } });
  expect(next.series.length).toBe(2);
  expect(next.totals.requests).toBe(5);
});

test("a point that is already known or cannot be read changes nothing", () => {
  expect(addPoint(traffic, point("2026-01-01T00:00:00.000Z"))).toBe(traffic);
  expect(addPoint(traffic, { nonsense: true })).toBe(traffic);
  expect(addPoint(traffic, null)).toBe(traffic);
});

test("what happened within the window is summed from its points, not from the totals since the start", () => {
  expect(withinWindow([point("a"), point("b")])).toMatchObject({ requests: 8, "2xx": 8, "5xx": 0 });
});

test("only five minutes are kept", () => {
  let all = traffic;
  for (let second = 1; second < 400; second++)
    all = addPoint(all, point(new Date(Date.UTC(2026, 0, 1) + second * 2000).toISOString()));
  expect(all.series.length).toBe(150);
});
