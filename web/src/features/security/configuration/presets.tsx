// Sets of items for one purpose, and where all items come from.
import { useTranslation } from "react-i18next";
import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { AgentHub } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { Ago } from "@/ui/time";
import { useApply } from "./apply-dialog";
import { PRESET_TONE } from "./values";

export function Presets({ hub }: { hub: AgentHub }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const apply = useApply();
  return (
    <>
      <Card flush>
        <ul className="divide-y divide-line">
          {hub.presets.map((preset) => (
            <li key={preset.slug} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
              <div className="min-w-0 flex-1 basis-72">
                <p className="flex flex-wrap items-center gap-2 font-medium">
                  {preset.name}
                  <Badge tone={PRESET_TONE[preset.state]}>{t(`crowdsec.preset.${preset.state}`)}</Badge>
                </p>
                <p className="text-sm text-muted">{preset.summary}</p>
              </div>
              {mayEdit && (preset.state === "off" || preset.state === "partly") ? (
                <Button size="sm" onClick={() => apply("install", preset.slug)}>
                  {t("crowdsec.do.install")}
                  <span className="sr-only">: {preset.name}</span>
                </Button>
              ) : null}
              {mayEdit && (preset.state === "on" || preset.state === "partly") ? (
                <Button size="sm" onClick={() => apply("remove", preset.slug)}>
                  {t("crowdsec.do.remove")}
                  <span className="sr-only">: {preset.name}</span>
                </Button>
              ) : null}
            </li>
          ))}
        </ul>
      </Card>
      {hub.available ? <Source hub={hub} /> : null}
    </>
  );
}

/** Where items come from: the package, or the network, and how the last fetch went. */
function Source({ hub }: { hub: AgentHub }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const apply = useApply();
  const changes = useQuery(queries.crowdsecChanges());
  const last = changes.data?.find((change) => change.action === "update_index" && change.over);
  const upgrades = hub.items.filter((item) => item.upgrade && item.installed).length;
  return (
    <Card title={t("crowdsec.source.title")}>
      <div className="flex flex-col items-start gap-3">
        <p>{t(hub.updated ? "crowdsec.source.updated" : "crowdsec.source.packaged")}</p>
        {upgrades > 0 ? <p>{t("crowdsec.source.upgrades", { count: upgrades })}</p> : null}
        {last ? (
          last.status === "applied" ? (
            <p className="text-muted">
              {t("crowdsec.source.fetched")} <Ago time={last.updated_at} />
            </p>
          ) : (
            <Notice tone="degraded" title={t("crowdsec.source.notFetched")}>
              <Ago time={last.updated_at} />: {sentence(last.error)}
            </Notice>
          )
        ) : (
          <p className="text-muted">{t("crowdsec.source.never")}</p>
        )}
        {mayEdit ? (
          <div className="flex flex-wrap gap-2">
            <Button size="sm" onClick={() => apply("update_index")}>
              {t("crowdsec.do.update_index")}
            </Button>
            {hub.updated ? (
              <Button size="sm" onClick={() => apply("packaged_hub")}>
                {t("crowdsec.do.packaged_hub")}
              </Button>
            ) : null}
          </div>
        ) : null}
      </div>
    </Card>
  );
}
