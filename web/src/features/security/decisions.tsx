// Every ban and decision: found by client, origin, scope and reason, in pages, and as a table to keep.
import { useQuery } from "@tanstack/react-query";
import { Download, Plus } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Ban } from "@/api/schema";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { useDialog } from "@/ui/dialog";
import { count } from "@/ui/format";
import { FilterSelect, SearchBox } from "@/ui/list-page";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { useParam } from "@/ui/url-state";
import { AddBan } from "./add-ban";
import { BanRows } from "./ban-rows";
import { EndBan } from "./end-ban";
import { banKey, banQuery, ORIGINS, PAGE, SCOPES, TYPES } from "./values";

export function Decisions() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const [params, setParams] = useSearchParams();
  const [q, setQ] = useParam("q");
  const [from, setFrom] = useParam("from", "0");
  const adding = useDialog("ban");
  const [ending, setEnding] = useState<Ban | null>(null);
  const asked = banQuery({
    q,
    origin: params.get("origin") ?? "",
    scope: params.get("scope") ?? "",
    type: params.get("type") ?? "",
  });
  const filtered = Object.keys(asked).length > 0;
  const offset = Number(from) || 0;
  const bans = useQuery(queries.bans({ ...useDeferredValue(asked), offset, limit: PAGE }));
  const total = bans.data?.total ?? 0;
  const search = (write: (value: string) => void) => (value: string) => {
    setFrom("0");
    write(value);
  };
  const table = `/api/v1/security/bans.csv?${new URLSearchParams(asked as Record<string, string>)}`;
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <SearchBox label={t("security.bans.search")} value={q} onChange={search(setQ)} />
        <FilterSelect
          name="origin"
          label={t("security.bans.anyOrigin")}
          options={ORIGINS.map((value) => ({
            value,
            label: value === "manual" ? t("security.bans.by.manual") : value,
          }))}
        />
        <FilterSelect
          name="scope"
          label={t("security.bans.anyScope")}
          options={SCOPES.map((value) => ({ value, label: t(`security.bans.scopes.${value}`) }))}
        />
        <FilterSelect
          name="type"
          label={t("security.bans.anyType")}
          options={TYPES.map((value) => ({ value, label: value }))}
        />
      </div>
      <Card
        title={
          <>
            {t("security.bans.title")} <span className="font-normal text-muted">{count(total)}</span>
          </>
        }
        flush
        aside={
          <div className="flex flex-wrap gap-2">
            <a href={table} download className={buttonClass("plain", "sm")}>
              <Download aria-hidden size={15} />
              {t("security.bans.csv")}
            </a>
            {mayEdit ? (
              <Button size="sm" icon={<Plus aria-hidden size={16} />} onClick={() => adding.open()}>
                {t("security.bans.add")}
              </Button>
            ) : null}
          </div>
        }
      >
        {bans.error && !bans.data ? (
          <div className="p-4">
            <LoadFailed error={bans.error} retry={() => void bans.refetch()} />
          </div>
        ) : !bans.data ? (
          <SkeletonRows rows={5} />
        ) : bans.data.items.length > 0 ? (
          <BanRows bans={bans.data.items} onEnd={mayEdit ? setEnding : undefined} />
        ) : filtered || offset > 0 ? (
          <Empty
            title={t("ui.nothingFound")}
            action={
              <Button onClick={() => setParams({ tab: "decisions" }, { replace: true })}>
                {t("ui.clearFilters")}
              </Button>
            }
          >
            {t("ui.nothingFoundHint")}
          </Empty>
        ) : (
          <Empty title={t("security.bans.emptyTitle")}>{t("security.bans.emptyText")}</Empty>
        )}
      </Card>
      {total > PAGE || offset > 0 ? (
        <div className="flex items-center justify-center gap-3">
          <Button disabled={offset === 0} onClick={() => setFrom(String(Math.max(0, offset - PAGE)))}>
            {t("security.bans.previous")}
          </Button>
          <span className="text-sm text-muted">
            {t("security.bans.page", {
              first: count(Math.min(offset + 1, total)),
              last: count(Math.min(offset + PAGE, total)),
              total: count(total),
            })}
          </span>
          <Button disabled={offset + PAGE >= total} onClick={() => setFrom(String(offset + PAGE))}>
            {t("security.bans.next")}
          </Button>
        </div>
      ) : null}
      {adding.value !== null && mayEdit ? <AddBan onClose={adding.close} /> : null}
      {ending ? <EndBan key={banKey(ending)} ban={ending} onClose={() => setEnding(null)} /> : null}
    </>
  );
}
