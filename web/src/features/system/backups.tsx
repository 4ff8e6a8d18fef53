// Backups of the database: list and make.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { bytes } from "@/ui/format";
import { Empty, LoadFailed } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";
import { SimpleTable } from "./simple-table";

export function Backups() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const backups = useQuery(queries.backups());
  const reasons: Record<string, string> = t("system.backup.reasons", { returnObjects: true });
  const newest = backups.data?.find((each) => each.good);
  const make = useMutation({
    mutationFn: () => body(api.POST("/api/v1/system/backups")),
    onSuccess: (made) => {
      toast("live", t("system.backup.made", { name: made.name }));
      return client.invalidateQueries({ queryKey: ["backups"] });
    },
    onError: (error) => toast("failing", problemText(t, error)),
  });
  return (
    <Card
      flush
      title={t("system.backups")}
      aside={
        <Button size="sm" look="primary" busy={make.isPending} onClick={() => make.mutate()}>
          {make.isPending ? t("system.backup.making") : t("system.backup.make")}
        </Button>
      }
    >
      {backups.error ? (
        <div className="p-4">
          <LoadFailed error={backups.error} retry={() => void backups.refetch()} />
        </div>
      ) : null}
      {backups.isPending ? <SkeletonRows rows={3} /> : null}
      {backups.data?.length === 0 ? (
        <Empty title={t("system.backup.none")}>{t("system.backup.noneText")}</Empty>
      ) : null}
      {backups.data && backups.data.length > 0 ? (
        <>
          <SimpleTable
            label={t("system.backups")}
            numeric={[2]}
            head={[
              t("system.backup.name"),
              t("system.backup.reason"),
              t("system.backup.size"),
              t("system.backup.created"),
              t("system.backup.good"),
            ]}
            rows={backups.data.map((each) => ({
              key: each.name,
              cells: [
                <code key="n" className="font-mono text-sm wrap-anywhere">
                  {each.name}
                </code>,
                reasons[each.reason] ?? each.reason,
                bytes(each.size_bytes),
                <Ago key="c" time={each.created_at} />,
                <State key="g" tone={each.good ? "live" : "failing"}>
                  {each.good ? t("system.backup.goodYes") : t("system.backup.goodNo")}
                </State>,
              ],
            }))}
          />
          {newest ? (
            <div className="flex flex-col gap-2 border-t border-line px-4 py-3">
              <p className="text-sm text-muted">{t("system.backup.restore")}</p>
              <Command text={`charon backups restore ${newest.name}`} className="max-w-2xl" />
            </div>
          ) : null}
        </>
      ) : null}
    </Card>
  );
}
