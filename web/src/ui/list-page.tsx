// The skeleton of every list: title with count, search and filters in the URL, table, bulk bar, empty states.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ColumnDef, RowSelectionState } from "@tanstack/react-table";
import { Search, X } from "lucide-react";
import { useDeferredValue, useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { Button } from "./button";
import { Card } from "./card";
import { INPUT, cx } from "./classes";
import { DataTable } from "./data-table";
import type { MenuItem } from "./menu";
import { Empty, LoadFailed } from "./notice";
import { Page } from "./page";
import { SkeletonRows } from "./skeleton";
import { useParam } from "./url-state";

export interface ListPageProps<T> {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  query: Pick<UseQueryResult<T[]>, "data" | "error" | "refetch" | "isPending">;
  columns: ColumnDef<T>[];
  rowId: (row: T) => string;
  rowName: (row: T) => string;
  /** What the search looks in. */
  searchText: (row: T) => string;
  searchLabel: string;
  /** Selects beside the search; they keep their values in the URL. */
  filters?: ReactNode;
  filter?: (row: T) => boolean;
  defaultSort?: string;
  rowActions?: (row: T) => MenuItem[][];
  bulk?: (rows: T[], clear: () => void) => ReactNode;
  /** What teaches the next step when there is nothing yet. */
  empty: ReactNode;
  above?: ReactNode;
  below?: ReactNode;
}

export function ListPage<T>(props: ListPageProps<T>) {
  const { t } = useTranslation();
  const [, setParams] = useSearchParams();
  const [q, setQ] = useParam("q");
  const [sort, setSort] = useParam("sort", props.defaultSort);
  const [selected, setSelected] = useState<RowSelectionState>({});
  const rows = props.query.data;
  const words = useDeferredValue(q).toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows?.filter((row) => {
    if (props.filter && !props.filter(row)) return false;
    const text = props.searchText(row).toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const chosen = (rows ?? []).filter((row) => selected[props.rowId(row)]);
  const clearSelection = () => setSelected({});

  return (
    <Page
      title={props.title}
      windowTitle={props.title}
      count={rows?.length}
      description={props.description}
      actions={props.actions}
    >
      {props.above}
      {rows?.length === 0 ? (
        <Card>{props.empty}</Card>
      ) : (
        <div className="flex flex-col gap-3">
          <div className="flex flex-wrap gap-2">
            <SearchBox label={props.searchLabel} value={q} onChange={setQ} />
            {props.filters}
          </div>
          <Card flush>
            {props.query.error && !rows ? (
              <div className="p-4">
                <LoadFailed error={props.query.error} retry={() => void props.query.refetch()} />
              </div>
            ) : null}
            {props.query.isPending ? <SkeletonRows /> : null}
            {found && found.length > 0 ? (
              <DataTable
                rows={found}
                columns={props.columns}
                rowId={props.rowId}
                rowName={props.rowName}
                sort={sort}
                onSort={setSort}
                rowActions={props.rowActions}
                selection={props.bulk ? { selected, onChange: setSelected } : undefined}
                caption={props.title}
              />
            ) : null}
            {found?.length === 0 ? (
              <Empty
                title={t("ui.nothingFound")}
                action={
                  <Button onClick={() => setParams({}, { replace: true })}>{t("ui.clearFilters")}</Button>
                }
              >
                {t("ui.nothingFoundHint")}
              </Empty>
            ) : null}
          </Card>
          {props.below}
        </div>
      )}
      {props.bulk && chosen.length > 0 ? (
        <div
          role="toolbar"
          aria-label={t("ui.bulk")}
          className="sticky bottom-4 z-20 flex flex-wrap items-center gap-2 self-center rounded-lg border border-line-strong bg-raised p-2 pl-4 shadow-pop max-sm:bottom-20"
        >
          <span aria-live="polite" className="mr-2">
            {t("ui.selected", { count: chosen.length })}
          </span>
          {props.bulk(chosen, clearSelection)}
          <Button look="quiet" onClick={clearSelection}>
            {t("ui.clearSelection")}
          </Button>
        </div>
      ) : null}
    </Page>
  );
}

export function SearchBox({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  // What is typed stands here at once; the URL follows a moment later and must not take letters back.
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  const [typing, setTyping] = useState(false);
  if (value !== known) {
    setKnown(value);
    if (!typing) setText(value);
  }
  const write = (next: string) => {
    setText(next);
    onChange(next);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      event.preventDefault();
      input.current?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div className="relative min-w-0 flex-1 basis-64 sm:max-w-md">
      <Search aria-hidden size={16} className="absolute top-1/2 left-3 -translate-y-1/2 text-faint" />
      <input
        ref={input}
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        onFocus={() => setTyping(true)}
        onBlur={() => setTyping(false)}
        onChange={(event) => write(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            write("");
            input.current?.blur();
          }
        }}
        className={cx(INPUT, "px-9 [&::-webkit-search-cancel-button]:hidden")}
      />
      {text ? (
        <button
          type="button"
          aria-label={t("ui.clearSearch")}
          onClick={() => write("")}
          className="absolute top-0 right-0 grid h-full w-9 place-items-center text-muted hover:text-text"
        >
          <X aria-hidden size={15} />
        </button>
      ) : (
        <kbd
          aria-hidden
          className="absolute top-1/2 right-2.5 -translate-y-1/2 rounded-sm border border-line px-1.5 font-mono text-xs text-faint max-sm:hidden"
        >
          /
        </kbd>
      )}
    </div>
  );
}

/** A filter beside the search box whose value lives in the URL. */
export function FilterSelect({
  name,
  label,
  options,
}: {
  name: string;
  label: string;
  options: { value: string; label: string }[];
}) {
  const [value, setValue] = useParam(name);
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => setValue(event.target.value)}
      className={cx(INPUT, "w-auto! max-w-52 pr-8", value && "border-accent")}
    >
      <option value="">{label}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}
