// What CrowdSec's agent looks for: presets, single items, and what was changed.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { Tabs } from "@/ui/tabs";
import { sentence } from "@/ui/format";
import { ApplyDialog } from "./apply-dialog";
import { Console } from "./console";
import { Files } from "./files";
import { History } from "./history";
import { Items } from "./items";
import { Presets } from "./presets";

export default function ConfigurationPage() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const hub = useQuery(queries.crowdsecHub());
  const crowdsec = useQuery(queries.crowdsec());
  if (hub.error && !hub.data) return <LoadFailed error={hub.error} retry={() => void hub.refetch()} />;
  if (crowdsec.error && !crowdsec.data)
    return <LoadFailed error={crowdsec.error} retry={() => void crowdsec.refetch()} />;
  const { data } = hub;
  return (
    <Page
      title={t("crowdsec.title")}
      windowTitle={t("crowdsec.title")}
      description={t("crowdsec.description")}
      back={{ to: "/security", label: t("security.title") }}
    >
      {!data || !crowdsec.data ? (
        <SkeletonRows rows={6} />
      ) : crowdsec.data.mode === "external" ? (
        <Notice title={t("security.place.elsewhere")}>{t("security.place.elsewhereText")}</Notice>
      ) : (
        <>
          {data.available ? null : (
            <Notice tone="failing" title={sentence(data.message)}>
              {data.remedy}
            </Notice>
          )}
          <Tabs
            label={t("crowdsec.title")}
            tabs={[
              { id: "presets", title: t("crowdsec.tab.presets"), content: () => <Presets hub={data} /> },
              { id: "items", title: t("crowdsec.tab.items"), content: () => <Items hub={data} /> },
              ...(mayEdit ? [{ id: "files", title: t("crowdsec.tab.files"), content: () => <Files /> }] : []),
              { id: "console", title: t("crowdsec.tab.console"), content: () => <Console /> },
              { id: "history", title: t("crowdsec.tab.history"), content: () => <History hub={data} /> },
            ]}
          />
          <ApplyDialog />
        </>
      )}
    </Page>
  );
}
