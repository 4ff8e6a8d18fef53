// The one table: true sorting, selection, a menu per row; each row becomes a card on a phone.
import {
  flexRender,
  getCoreRowModel,
  getSortedRowModel,
  useReactTable,
  type ColumnDef,
  type RowData,
  type RowSelectionState,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp, Ellipsis } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { buttonClass } from "./button";
import { cx } from "./classes";
import { Menu, type MenuItem } from "./menu";
import { Checkbox } from "./toggle";
import { readSort, writeSort } from "./url-state";

declare module "@tanstack/react-table" {
  // The type parameters must be named as in the library for the declarations to merge.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    align?: "right";
    /** Leaves the cell out of the card on a phone. */
    phoneHidden?: boolean;
    className?: string;
  }
}

// Rows are drawn in portions, so that a list of thousands opens without a long task.
const PORTION = 40;

export interface DataTableProps<T> {
  rows: T[];
  columns: ColumnDef<T>[];
  rowId: (row: T) => string;
  rowName: (row: T) => string;
  sort: string;
  onSort: (sort: string) => void;
  rowActions?: ((row: T) => MenuItem[][]) | undefined;
  selection?: { selected: RowSelectionState; onChange: (selected: RowSelectionState) => void } | undefined;
  caption: string;
}

export function DataTable<T>({
  rows,
  columns,
  rowId,
  rowName,
  sort,
  onSort,
  rowActions,
  selection,
  caption,
}: DataTableProps<T>) {
  const { t } = useTranslation();
  const [drawn, setDrawn] = useState(PORTION);
  const sentinel = useRef<HTMLDivElement>(null);
  const table = useReactTable({
    data: rows,
    columns,
    getRowId: rowId,
    state: { sorting: readSort(sort), rowSelection: selection?.selected ?? {} },
    enableRowSelection: selection !== undefined,
    onSortingChange: (update) =>
      onSort(writeSort(typeof update === "function" ? update(readSort(sort)) : update)),
    onRowSelectionChange: (update) => {
      const current = selection?.selected ?? {};
      selection?.onChange(typeof update === "function" ? update(current) : update);
    },
    autoResetAll: false,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
  });
  const all = table.getRowModel().rows;
  const shown = all.slice(0, drawn);
  const more = all.length > drawn;

  useEffect(() => {
    const mark = sentinel.current;
    if (!mark || !more) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setDrawn((count) => count + PORTION);
      },
      { rootMargin: "600px" },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [more, drawn]);

  return (
    <>
      <table role="table" aria-label={caption} aria-rowcount={all.length} className="w-full max-sm:block">
        <thead role="rowgroup" className="max-sm:sr-only">
          {table.getHeaderGroups().map((group) => (
            <tr role="row" key={group.id} className="border-b border-line text-left text-sm text-muted">
              {selection ? (
                <th role="columnheader" scope="col" className="w-10 pl-4">
                  <Checkbox
                    label={t("ui.selectAll")}
                    checked={
                      table.getIsAllRowsSelected()
                        ? true
                        : table.getIsSomeRowsSelected()
                          ? "indeterminate"
                          : false
                    }
                    onChange={(checked) => table.toggleAllRowsSelected(checked)}
                  />
                </th>
              ) : null}
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted();
                const label = flexRender(header.column.columnDef.header, header.getContext());
                return (
                  <th
                    role="columnheader"
                    scope="col"
                    key={header.id}
                    aria-sort={sorted ? (sorted === "asc" ? "ascending" : "descending") : undefined}
                    className={cx(
                      "h-10 px-3 font-medium whitespace-nowrap first:pl-4 last:pr-4",
                      header.column.columnDef.meta?.align === "right" && "text-right",
                      header.column.columnDef.meta?.className,
                    )}
                  >
                    {header.column.getCanSort() ? (
                      <button
                        type="button"
                        onClick={header.column.getToggleSortingHandler()}
                        className="-mx-1 inline-flex items-center gap-1 rounded-sm px-1 py-1 hover:text-text"
                      >
                        {label}
                        <span
                          aria-hidden
                          className={cx(
                            "inline-block w-3.5",
                            header.column.columnDef.meta?.align === "right" && "order-first",
                          )}
                        >
                          {sorted === "asc" ? <ArrowUp size={13} /> : null}
                          {sorted === "desc" ? <ArrowDown size={13} /> : null}
                        </span>
                      </button>
                    ) : (
                      label
                    )}
                  </th>
                );
              })}
              {rowActions ? (
                <th role="columnheader" scope="col" className="w-12">
                  <span className="sr-only">{t("ui.actions")}</span>
                </th>
              ) : null}
            </tr>
          ))}
        </thead>
        <tbody role="rowgroup" className="max-sm:block">
          {shown.map((row) => (
            <tr
              role="row"
              key={row.id}
              data-selected={row.getIsSelected() || undefined}
              className="border-b border-line last:border-0 hover:bg-raised data-selected:bg-accent-soft max-sm:relative max-sm:block max-sm:px-4 max-sm:py-3"
            >
              {selection ? (
                <td role="cell" className="w-10 pl-4 align-middle max-sm:absolute max-sm:top-4 max-sm:left-0">
                  <Checkbox
                    label={t("ui.selectRow", { name: rowName(row.original) })}
                    checked={row.getIsSelected()}
                    onChange={(checked) => row.toggleSelected(checked)}
                  />
                </td>
              ) : null}
              {row.getVisibleCells().map((cell, index) => {
                const meta = cell.column.columnDef.meta;
                const header = cell.column.columnDef.header;
                return (
                  <td
                    role="cell"
                    key={cell.id}
                    className={cx(
                      "h-12 min-w-0 px-3 py-2 first:pl-4 last:pr-4 max-sm:flex max-sm:h-auto max-sm:items-baseline max-sm:gap-3 max-sm:px-0! max-sm:py-1",
                      index === 0 && selection && "max-sm:pl-8!",
                      index === 0 && rowActions && "max-sm:pr-10!",
                      meta?.align === "right" && "text-right max-sm:text-left",
                      meta?.phoneHidden && "max-sm:hidden",
                      meta?.className,
                    )}
                  >
                    {index > 0 && typeof header === "string" ? (
                      <span aria-hidden className="hidden w-24 shrink-0 text-sm text-muted max-sm:inline">
                        {header}
                      </span>
                    ) : null}
                    <div className="min-w-0">{flexRender(cell.column.columnDef.cell, cell.getContext())}</div>
                  </td>
                );
              })}
              {rowActions ? (
                <td role="cell" className="w-12 pr-2 text-right max-sm:absolute max-sm:top-1 max-sm:right-0">
                  <RowMenu
                    groups={rowActions(row.original)}
                    label={t("ui.actionsFor", { name: rowName(row.original) })}
                  />
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
      {more ? <div ref={sentinel} className="h-12" /> : null}
    </>
  );
}

/** Nothing is drawn for a row on which nothing can be done. */
function RowMenu({ groups, label }: { groups: MenuItem[][]; label: string }) {
  if (groups.every((items) => items.length === 0)) return null;
  return (
    <Menu
      groups={groups}
      trigger={
        <button type="button" aria-label={label} className={buttonClass("quiet", "icon")}>
          <Ellipsis aria-hidden size={17} />
        </button>
      }
    />
  );
}
