// A short table without sorting; each row becomes a card on a phone.
import type { ReactNode } from "react";
import { cx } from "@/ui/classes";

export function SimpleTable({
  label,
  head,
  rows,
  numeric = [],
}: {
  label: string;
  head: string[];
  /** Columns of numbers, which stand at the right. */
  numeric?: number[];
  rows: { key: string; cells: ReactNode[] }[];
}) {
  return (
    <table role="table" aria-label={label} className="w-full max-sm:block">
      <thead role="rowgroup" className="max-sm:sr-only">
        <tr role="row" className="border-b border-line text-left text-sm text-muted">
          {head.map((title, index) => (
            <th
              role="columnheader"
              scope="col"
              key={title}
              className={cx(
                "h-10 px-3 font-medium whitespace-nowrap first:pl-4 last:pr-4",
                numeric.includes(index) && "text-right",
              )}
            >
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="max-sm:block">
        {rows.map((row) => (
          <tr
            role="row"
            key={row.key}
            className="border-b border-line last:border-0 max-sm:block max-sm:px-4 max-sm:py-3"
          >
            {row.cells.map((cell, index) => (
              <td
                role="cell"
                key={head[index]}
                className={cx(
                  "px-3 py-2.5 align-top first:pl-4 last:pr-4 max-sm:flex max-sm:gap-3 max-sm:px-0! max-sm:py-1",
                  numeric.includes(index) && "text-right max-sm:text-left",
                )}
              >
                {index > 0 ? (
                  <span aria-hidden className="hidden w-32 shrink-0 text-sm text-muted max-sm:inline">
                    {head[index]}
                  </span>
                ) : null}
                <div className="min-w-0">{cell}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
