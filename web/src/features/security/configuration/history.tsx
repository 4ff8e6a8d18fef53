// What was done with the configuration, and the way back.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { AgentHub } from "@/api/schema";
import { Badge, State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { sentence } from "@/ui/format";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";
import { useApply } from "./apply-dialog";
import { STATUS_TONE, statusOf } from "./values";

export function History({ hub }: { hub: AgentHub }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const apply = useApply();
  const changes = useQuery(queries.crowdsecChanges());
  if (changes.error && !changes.data)
    return <LoadFailed error={changes.error} retry={() => void changes.refetch()} />;
  if (!changes.data) return <SkeletonRows rows={4} />;
  return (
    <Card
      flush
      title={t("crowdsec.history.title", { edition: hub.edition })}
      aside={
        mayEdit && hub.edition !== 0 ? (
          <Button size="sm" onClick={() => apply("restore", "0")}>
            {t("crowdsec.history.first")}
          </Button>
        ) : undefined
      }
    >
      {changes.data.length === 0 ? (
        <Empty title={t("crowdsec.history.none")}>{t("crowdsec.history.noneText")}</Empty>
      ) : (
        <ul className="divide-y divide-line">
          {changes.data.map((change) => (
            <li key={change.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5">
              <div className="min-w-0 flex-1 basis-72">
                <p className="wrap-anywhere">
                  {change.action.replaceAll("_", " ")}{" "}
                  <span className="font-mono text-sm">{change.about}</span>
                </p>
                <p className="text-sm text-muted">
                  <Ago time={change.created_at} />
                  {change.error ? `: ${sentence(change.error)}` : null}
                </p>
              </div>
              <State tone={STATUS_TONE[statusOf(change)]}>{t(`crowdsec.status.${statusOf(change)}`)}</State>
              {change.edition === hub.edition ? (
                <Badge tone="live">{t("crowdsec.history.current")}</Badge>
              ) : mayEdit && change.status === "applied" && change.edition != null ? (
                <Button size="sm" onClick={() => apply("restore", String(change.edition))}>
                  {t("crowdsec.do.restore")}
                </Button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
