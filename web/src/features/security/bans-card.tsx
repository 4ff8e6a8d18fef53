// Who is banned, why and until when; banning and ending.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Ban } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { dateTime } from "@/ui/format";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { AddBan } from "./add-ban";

export function BansCard() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const bans = useQuery(queries.bans());
  const adding = useDialog("ban");
  const ending = useDialog("end");
  const toEnd = bans.data?.items.find((ban) => ban.value === ending.value);
  const end = useMutation({
    mutationFn: (value: string) => api.POST("/api/v1/security/bans/end", { body: { value } }),
    onSuccess: (_, value) => {
      toast("live", t("security.bans.ended", { value }));
      ending.close();
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  return (
    <Card
      title={t("security.bans.title")}
      flush
      aside={
        mayEdit ? (
          <Button size="sm" icon={<Plus aria-hidden size={16} />} onClick={() => adding.open()}>
            {t("security.bans.add")}
          </Button>
        ) : undefined
      }
    >
      {bans.error && !bans.data ? (
        <LoadFailed error={bans.error} retry={() => void bans.refetch()} />
      ) : !bans.data ? (
        <SkeletonRows rows={3} />
      ) : bans.data.items.length === 0 ? (
        <Empty title={t("security.bans.emptyTitle")}>{t("security.bans.emptyText")}</Empty>
      ) : (
        <>
          {bans.data.total > bans.data.items.length ? (
            <p className="px-4 py-2 text-sm text-muted">
              {t("security.bans.first", { shown: bans.data.items.length, total: bans.data.total })}
            </p>
          ) : null}
          <ul className="divide-y divide-line">
            {bans.data.items.map((ban) => (
              <Row
                key={`${ban.origin} ${ban.scope} ${ban.value} ${ban.type}`}
                ban={ban}
                onEnd={mayEdit && ban.enforced ? () => ending.open(ban.value) : undefined}
              />
            ))}
          </ul>
        </>
      )}
      {adding.value !== null && mayEdit ? <AddBan onClose={adding.close} /> : null}
      <Confirm
        open={toEnd !== undefined}
        title={t("security.bans.endTitle", { value: toEnd?.value })}
        action={t("security.bans.end")}
        danger={false}
        busy={end.isPending}
        error={end.error}
        onClose={() => {
          end.reset();
          ending.close();
        }}
        onConfirm={() => toEnd && end.mutate(toEnd.value)}
      >
        {t(toEnd?.scope === "range" ? "security.bans.endRangeText" : "security.bans.endText")}
      </Confirm>
    </Card>
  );
}

function Row({ ban, onEnd }: { ban: Ban; onEnd: (() => void) | undefined }) {
  const { t } = useTranslation();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5">
      <span className="min-w-44 font-mono text-sm wrap-anywhere">{ban.value}</span>
      <span className="min-w-0 flex-1 basis-52 wrap-anywhere">
        {ban.reason || "–"}
        <span className="block text-xs text-muted">
          {t("security.bans.origin")} {ban.origin === "manual" ? t("security.bans.by.manual") : ban.origin}
          {" · "}
          {t("security.bans.expires")} {ban.expires_at ? dateTime(ban.expires_at) : t("security.bans.ever")}
        </span>
      </span>
      {ban.enforced ? null : <Badge tone="degraded">{t("security.bans.notEnforced")}</Badge>}
      {onEnd ? (
        <Button size="sm" onClick={onEnd} aria-label={`${t("security.bans.end")}: ${ban.value}`}>
          {t("security.bans.end")}
        </Button>
      ) : null}
    </li>
  );
}
