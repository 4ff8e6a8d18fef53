// Shapes of what is coming, in its true size; invisible for the first 300 ms.
import { useTranslation } from "react-i18next";
import { cx } from "./classes";

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("late rounded-sm bg-hover", className)} />;
}

export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  const { t } = useTranslation();
  return (
    <div role="status">
      <span className="sr-only">{t("ui.loading")}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex h-12 items-center gap-4 border-b border-line px-4 last:border-0">
          <Skeleton className="h-3 w-1/4" />
          <Skeleton className="h-3 w-1/3" />
          <Skeleton className="ml-auto h-3 w-16" />
        </div>
      ))}
    </div>
  );
}
