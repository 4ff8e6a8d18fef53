// Time series on a canvas, with the values at the cursor (or the newest) as text below, so that nothing
// is known by colour or by mouse alone.
import { useEffect, useEffectEvent, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { cx } from "./classes";
import { clockTime } from "./format";
import { useShownTheme } from "./theme";

export interface ChartSeries {
  label: string;
  /** Name of a colour token, e.g. `live`. */
  token: string;
  values: (number | null)[];
}

export interface ChartProps {
  label: string;
  /** Milliseconds since the epoch. */
  times: number[];
  series: ChartSeries[];
  format: (value: number | null | undefined) => string;
  /** Areas upon each other instead of lines. */
  stacked?: boolean;
  height?: number;
}

function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
}

function columns({ times, series, stacked }: ChartProps): uPlot.AlignedData {
  const seconds = times.map((time) => time / 1000);
  if (!stacked) return [seconds, ...series.map((each) => each.values)];
  const sums: number[][] = [];
  series.forEach((each, index) => {
    const below = sums[index - 1];
    sums.push(each.values.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)));
  });
  // The tallest area is drawn first, the others over it.
  return [seconds, ...sums.reverse()];
}

export default function Chart(props: ChartProps) {
  const { label, series, stacked = false, height = 180, format } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const theme = useShownTheme();
  const shape = series.map((each) => each.label + each.token).join("|");
  const tick = useEffectEvent((value: number) => format(value));
  const first = useEffectEvent(() => columns(props));
  const drawn = useEffectEvent(() => (stacked ? [...series].reverse() : series));

  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const line = colour("line");
    const axis = {
      stroke: colour("muted"),
      font: "12px sans-serif",
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
    };
    const chart = new uPlot(
      {
        width: host.clientWidth,
        height,
        padding: [8, 20, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] } },
        axes: [
          {
            ...axis,
            size: 28,
            space: 90,
            values: (_, ticks) => ticks.map((at) => clockTime(at * 1000).slice(0, at % 60 === 0 ? 5 : 8)),
          },
          { ...axis, size: 52, space: 36, values: (_, ticks) => ticks.map((value) => tick(value)) },
        ],
        series: [
          {},
          ...drawn().map((each) => ({
            label: each.label,
            stroke: colour(each.token),
            width: 1.5,
            points: { show: false },
            ...(stacked
              ? { fill: `color-mix(in srgb, ${colour(each.token)} 30%, ${colour("surface")})` }
              : {}),
          })),
        ],
        hooks: { setCursor: [(self) => setCursor(self.cursor.idx ?? null)] },
      },
      first(),
      host,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [height, shape, stacked, theme]);

  useEffect(() => {
    plot.current?.setData(first());
  }, [props.times, props.series]);

  const at = cursor ?? props.times.length - 1;
  const time = props.times[at];
  return (
    <figure className="min-w-0" aria-label={label}>
      <div ref={box} aria-hidden style={{ height }} className="w-full overflow-hidden" />
      <figcaption className="mt-2 flex min-h-5 flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        {series.map((each) => (
          <span key={each.label} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden
              className={cx("h-2 w-3 rounded-sm")}
              style={{ background: `var(--${each.token})` }}
            />
            {each.label}
            <span className="min-w-10 text-text">{format(each.values[at])}</span>
          </span>
        ))}
        {time === undefined ? null : <span className="ml-auto">{clockTime(time)}</span>}
      </figcaption>
    </figure>
  );
}
