// What CrowdSec's agent looks for: presets, single items, and what was changed.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { LoadFailed, Notice } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { Tabs } from "@/ui/tabs";
import { sentence } from "@/ui/format";
import { ApplyDialog } from "./apply-dialog";
import { History } from "./history";
import { Items } from "./items";
import { Presets } from "./presets";

export function HubTab() {
  const { t } = useTranslation();
  const hub = useQuery(queries.crowdsecHub());
  if (hub.error && !hub.data) return <LoadFailed error={hub.error} retry={() => void hub.refetch()} />;
  const { data } = hub;
  if (!data) return <SkeletonRows rows={6} />;
  return (
    <>
      <p className="text-muted">{t("crowdsec.description")}</p>
      {data.available ? null : (
        <Notice tone="failing" title={sentence(data.message)}>
          {data.remedy}
        </Notice>
      )}
      <Tabs
        label={t("crowdsec.title")}
        param="view"
        look="pills"
        tabs={[
          { id: "presets", title: t("crowdsec.tab.presets"), content: () => <Presets hub={data} /> },
          { id: "items", title: t("crowdsec.tab.items"), content: () => <Items hub={data} /> },
          { id: "history", title: t("crowdsec.tab.history"), content: () => <History hub={data} /> },
        ]}
      />
      <ApplyDialog />
    </>
  );
}
