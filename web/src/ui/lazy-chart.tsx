// The chart library comes only with the first page that draws; until then its place is kept.
import { lazy, Suspense } from "react";
import type { ChartProps } from "./chart";
import { Skeleton } from "./skeleton";

const Chart = lazy(() => import("./chart"));

export function TimeChart(props: ChartProps) {
  const height = props.height ?? 180;
  return (
    <Suspense
      fallback={
        <div style={{ height: height + 28 }}>
          <Skeleton className="h-full w-full" />
        </div>
      }
    >
      <Chart {...props} />
    </Suspense>
  );
}
