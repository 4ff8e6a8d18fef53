// The list of applied configurations.
import { useQuery } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { RotateCcw, Search } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { TFunction } from "i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { RevisionItem } from "@/api/schema";
import { State } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import { useDialog } from "@/ui/dialog";
import { ListPage } from "@/ui/list-page";
import { Empty } from "@/ui/notice";
import { Person } from "@/ui/person";
import { RestoreDialog, actorName } from "@/ui/revision-changes";
import { Ago } from "@/ui/time";

function columns(t: TFunction, current: number | undefined): ColumnDef<RevisionItem>[] {
  return [
    {
      id: "revision",
      // A refused configuration has no number; it stands where it was tried.
      accessorFn: (each) => each.applied_at,
      header: t("revisions.revision"),
      cell: ({ row: { original } }) =>
        original.revision ? (
          <TextLink to={`/revisions/${original.revision}`} className="font-medium">
            {original.revision}
          </TextLink>
        ) : (
          "–"
        ),
      meta: { className: "md:w-24" },
    },
    {
      id: "summary",
      accessorFn: (each) => each.summary,
      header: t("revisions.summary"),
      cell: ({ row: { original } }) => (
        <div className="wrap-anywhere">
          {original.summary || <span className="text-muted">{t("revisions.carried")}</span>}
          {original.error_msg ? <p className="text-xs text-failing">{original.error_msg}</p> : null}
        </div>
      ),
    },
    {
      id: "result",
      accessorFn: (each) => (each.success ? each.problems : 1_000),
      header: t("revisions.result"),
      cell: ({ row: { original } }) => (
        <Result item={original} current={original.success && original.revision === current} t={t} />
      ),
    },
    {
      id: "actor",
      accessorFn: (each) => (each.revision ? actorName(t, each.actor) : "–"),
      header: t("revisions.actor"),
      cell: ({ getValue }) => <Person name={getValue<string>()} />,
    },
    {
      id: "applied",
      accessorFn: (each) => each.applied_at,
      header: t("revisions.applied"),
      cell: ({ row }) => <Ago time={row.original.applied_at} />,
      meta: { align: "right" },
    },
  ];
}

function Result({ item, current, t }: { item: RevisionItem; current: boolean; t: TFunction }) {
  if (!item.success) return <State tone="failing">{t("revisions.failed")}</State>;
  if (item.problems > 0)
    return (
      <State tone="degraded">
        {current ? `${t("revisions.ok")}, ` : ""}
        {t("revisions.withProblems", { count: item.problems })}
      </State>
    );
  return current ? (
    <State tone="live">{t("revisions.ok")}</State>
  ) : (
    <span className="text-muted">{t("revisions.okBefore")}</span>
  );
}

export default function RevisionsPage() {
  const { t } = useTranslation();
  const revisions = useQuery(queries.revisions());
  const mayEdit = useMay("admin");
  const restore = useDialog("restore");
  const current = revisions.data?.find((each) => each.success)?.revision ?? undefined;
  const shown = useMemo(() => columns(t, current), [t, current]);
  return (
    <>
      <ListPage
        title={t("revisions.title")}
        description={t("revisions.description")}
        query={revisions}
        columns={shown}
        rowId={(each) => `${each.revision ?? ""} ${each.applied_at}`}
        rowName={(each) => t("revisions.page", { revision: each.revision ?? "–" })}
        searchText={(each) => `${each.revision ?? ""} ${each.summary} ${each.actor} ${each.error_msg}`}
        searchLabel={t("revisions.search")}
        defaultSort="-revision"
        rowActions={(each) =>
          each.revision
            ? [
                [
                  {
                    label: t("revisions.show"),
                    icon: <Search aria-hidden size={16} />,
                    to: `/revisions/${each.revision}`,
                  },
                  ...(mayEdit && each.success && each.revision !== current
                    ? [
                        {
                          label: t("revisions.restore"),
                          icon: <RotateCcw aria-hidden size={16} />,
                          onSelect: () => restore.open(String(each.revision)),
                        },
                      ]
                    : []),
                ],
              ]
            : []
        }
        empty={<Empty title={t("revisions.emptyTitle")}>{t("revisions.emptyText")}</Empty>}
      />
      <RestoreDialog
        revision={restore.value ? Number(restore.value) : null}
        current={current}
        onClose={restore.close}
      />
    </>
  );
}
