// The audit: who, what, old and new.
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import type { TFunction } from "i18next";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import type { AuditEntry } from "@/api/schema";
import { Button } from "@/ui/button";
import { Facts } from "@/ui/card";
import { Dialog, useDialog } from "@/ui/dialog";
import { DiffList, changesBetween } from "@/ui/diff";
import { Person } from "@/ui/person";
import { dateTime } from "@/ui/format";
import { FilterSelect, ListPage } from "@/ui/list-page";
import { Empty } from "@/ui/notice";
import { Ago } from "@/ui/time";
import { useParam } from "@/ui/url-state";
import { TYPES, actionText, deedText } from "./values";

const PORTION = 100;

function columns(t: TFunction, show: (id: number) => void): ColumnDef<AuditEntry>[] {
  return [
    {
      id: "what",
      accessorFn: deedText,
      header: t("audit.action"),
      cell: ({ row: { original } }) => (
        <button
          type="button"
          onClick={() => show(original.id)}
          className="rounded-sm text-left wrap-anywhere underline decoration-line-strong underline-offset-3 hover:decoration-current"
        >
          {deedText(original)}
        </button>
      ),
    },
    {
      id: "resource",
      accessorFn: (entry) => entry.resource_name,
      header: t("audit.resource"),
      cell: ({ getValue }) => <span className="wrap-anywhere">{getValue<string>() || "–"}</span>,
    },
    {
      id: "actor",
      accessorFn: (entry) => (entry.actor === "system" ? t("audit.system") : entry.actor),
      header: t("audit.actor"),
      cell: ({ getValue }) => <Person name={getValue<string>()} />,
    },
    {
      id: "address",
      accessorFn: (entry) => entry.ip_address,
      header: t("audit.address"),
      cell: ({ getValue }) => (
        <span className="font-mono text-xs text-muted">{getValue<string>() || "–"}</span>
      ),
      meta: { className: "max-lg:hidden" },
    },
    {
      id: "when",
      accessorFn: (entry) => entry.id,
      header: t("audit.when"),
      cell: ({ row }) => <Ago time={row.original.created_at} />,
      meta: { align: "right" },
    },
  ];
}

export default function AuditPage() {
  const { t } = useTranslation();
  const [type, setType] = useParam("type");
  const shown = useDialog("entry");
  const pages = useInfiniteQuery({
    queryKey: ["audit", { type }],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/audit", {
          params: {
            query: {
              limit: PORTION,
              ...(pageParam ? { before: pageParam } : {}),
              ...(type ? { resource_type: type } : {}),
            },
          },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.length < PORTION ? undefined : last.at(-1)?.id),
  });
  const entries = useMemo(() => pages.data?.pages.flat(), [pages.data]);
  const { open } = shown;
  const cells = useMemo(() => columns(t, (id) => open(String(id))), [t, open]);
  const entry = entries?.find((each) => String(each.id) === shown.value);
  return (
    <>
      <ListPage
        title={t("audit.title")}
        description={t("audit.description")}
        query={{
          data: entries,
          error: pages.error,
          isPending: pages.isPending,
          refetch: pages.refetch as never,
        }}
        columns={cells}
        rowId={(each) => String(each.id)}
        rowName={deedText}
        searchText={(each) =>
          `${each.actor} ${each.action} ${deedText(each)} ${each.resource_name} ${each.ip_address}`
        }
        searchLabel={t("audit.search")}
        defaultSort="-when"
        filters={
          <FilterSelect
            name="type"
            label={t("audit.anyType")}
            options={TYPES.map((value) => ({ value, label: t(`audit.types.${value}`) }))}
          />
        }
        empty={
          type ? (
            <Empty
              title={t("ui.nothingFound")}
              action={<Button onClick={() => setType("")}>{t("ui.clearFilters")}</Button>}
            />
          ) : (
            <Empty title={t("audit.emptyTitle")}>{t("audit.emptyText")}</Empty>
          )
        }
        below={
          pages.hasNextPage ? (
            <Button
              className="self-center"
              busy={pages.isFetchingNextPage}
              onClick={() => void pages.fetchNextPage()}
            >
              {t("audit.older")}
            </Button>
          ) : entries ? (
            <p className="text-center text-sm text-muted">{t("audit.noOlder")}</p>
          ) : null
        }
      />
      <Dialog
        side
        open={entry !== undefined}
        onClose={shown.close}
        title={entry ? deedText(entry) : ""}
        description={entry ? `${entry.actor} · ${dateTime(entry.created_at)}` : undefined}
      >
        {entry ? (
          <div className="flex flex-col gap-5 pb-6">
            <Facts
              items={[
                { name: t("audit.resource"), value: entry.resource_name || "–" },
                { name: t("audit.kind"), value: actionText(entry.action) },
                {
                  name: t("audit.address"),
                  value: <code className="font-mono text-sm">{entry.ip_address || "–"}</code>,
                },
                { name: t("audit.agent"), value: entry.user_agent || "–" },
                {
                  name: t("audit.request"),
                  value: <code className="font-mono text-sm">{entry.request_id || "–"}</code>,
                },
              ]}
            />
            {entry.before || entry.after ? (
              <DiffList changes={changesBetween(entry.before, entry.after)} />
            ) : (
              <p className="text-muted">{t("audit.noValues")}</p>
            )}
          </div>
        ) : null}
      </Dialog>
    </>
  );
}
