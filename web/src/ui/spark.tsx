// Small pictures of numbers: a line, and a band of status classes.
import { useTranslation } from "react-i18next";
import type { StatusCounts } from "@/api/schema";
import { count } from "./format";

export function Sparkline({
  values,
  width = 96,
  height = 24,
}: {
  values: number[];
  width?: number;
  height?: number;
}) {
  const top = Math.max(...values, 1);
  const stepX = width / Math.max(values.length - 1, 1);
  const points = values
    .map(
      (value, at) => `${(at * stepX).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`,
    )
    .join(" ");
  return (
    <svg
      aria-hidden
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      className="block text-live"
    >
      {values.length > 1 ? (
        <>
          <polygon points={`0,${height} ${points} ${width},${height}`} fill="currentColor" opacity="0.14" />
          <polyline
            points={points}
            fill="none"
            stroke="currentColor"
            strokeWidth="1.5"
            strokeLinejoin="round"
          />
        </>
      ) : null}
    </svg>
  );
}

const CLASSES = [
  { name: "2xx", colour: "var(--live)" },
  { name: "3xx", colour: "var(--info)" },
  { name: "4xx", colour: "var(--degraded)" },
  { name: "5xx", colour: "var(--failing)" },
] as const;

export function StatusBand({ counts }: { counts: StatusCounts }) {
  const { t } = useTranslation();
  const total = CLASSES.reduce((sum, each) => sum + counts[each.name], 0);
  return (
    <div>
      <div aria-hidden className="flex h-2.5 gap-0.5 overflow-hidden rounded-full bg-hover">
        {CLASSES.map((each) =>
          counts[each.name] > 0 ? (
            <div
              key={each.name}
              style={{ background: each.colour, flexGrow: counts[each.name], minWidth: 4 }}
            />
          ) : null,
        )}
      </div>
      <ul className="mt-3 flex flex-col gap-1.5">
        {CLASSES.map((each) => (
          <li key={each.name} className="flex items-center gap-2 text-sm">
            <span aria-hidden className="size-2 rounded-full" style={{ background: each.colour }} />
            <span className="text-muted">{t(`statusClass.${each.name}`)}</span>
            <span className="ml-auto">{count(counts[each.name])}</span>
            <span className="w-10 text-right text-xs text-muted">
              {total === 0 ? "–" : `${Math.round((counts[each.name] / total) * 100)} %`}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
