// Surfaces: a card with an optional head, and a list of facts.
import type { ReactNode } from "react";
import { cx } from "./classes";

export function Card({
  title,
  aside,
  children,
  flush = false,
  className,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  /** Without inner padding, for tables and lists. */
  flush?: boolean;
  className?: string;
}) {
  return (
    <section className={cx("min-w-0 rounded-lg border border-line bg-surface", className)}>
      {title ? (
        <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-2">
          <h2 className="text-base font-semibold">{title}</h2>
          {aside}
        </header>
      ) : null}
      <div className={flush ? undefined : "p-4"}>{children}</div>
    </section>
  );
}

export function Facts({ items }: { items: { name: string; value: ReactNode }[] }) {
  return (
    <dl className="grid grid-cols-[minmax(0,max-content)_minmax(0,1fr)] gap-x-6 gap-y-2.5 max-sm:grid-cols-1 max-sm:gap-y-0.5">
      {items.map((item) => (
        <div key={item.name} className="contents">
          <dt className="text-muted max-sm:mt-2 max-sm:text-sm">{item.name}</dt>
          <dd className="min-w-0 wrap-anywhere">{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Figure({
  label,
  value,
  unit,
  detail,
}: {
  label: string;
  value: string;
  unit?: string;
  detail?: ReactNode;
}) {
  return (
    <div className="min-w-0">
      <div className="text-sm text-muted">{label}</div>
      <div className="flex items-baseline gap-1.5">
        <span className="text-xl font-semibold">{value}</span>
        {unit ? <span className="text-sm text-muted">{unit}</span> : null}
      </div>
      {detail ? <div className="text-xs text-muted">{detail}</div> : null}
    </div>
  );
}
