// CrowdSec: how it stands, whom it refuses and why, and how it is set.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { Tabs } from "@/ui/tabs";
import { AgentLog } from "./agent-log";
import { Alerts } from "./alerts";
import { AppSecCard } from "./appsec-card";
import { CaptchaCard } from "./captcha-card";
import { CrowdSecCard } from "./crowdsec-card";
import { Console } from "./configuration/console";
import { Files } from "./configuration/files";
import { HubTab } from "./configuration/hub-tab";
import { Decisions } from "./decisions";
import { EnforcementCard } from "./enforcement-card";
import { EscalationCard } from "./escalation-card";
import { NeverCard } from "./never-card";
import { PlaceCard } from "./place-card";

export default function CrowdSecPage() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const crowdsec = useQuery(queries.crowdsec());
  const shown = crowdsec.data;
  // What belongs to an agent of another machine is set there.
  const elsewhere = (text: "elsewhereText" | "elsewhereLog") =>
    shown?.mode === "external" ? (
      <Notice title={t("security.place.elsewhere")}>{t(`security.place.${text}`)}</Notice>
    ) : undefined;
  return (
    <Page
      title={t("security.crowdsec.title")}
      windowTitle={t("security.crowdsec.title")}
      back={{ to: "/security", label: t("security.title") }}
    >
      {crowdsec.error && !shown ? (
        <LoadFailed error={crowdsec.error} retry={() => void crowdsec.refetch()} />
      ) : (
        <Tabs
          label={t("security.crowdsec.title")}
          tabs={[
            {
              id: "status",
              title: t("security.tabs.status"),
              content: () => (shown ? <CrowdSecCard crowdsec={shown} /> : <SkeletonRows rows={6} />),
            },
            { id: "decisions", title: t("security.tabs.decisions"), content: () => <Decisions /> },
            {
              id: "alerts",
              title: t("security.tabs.alerts"),
              content: () => <Alerts running={shown?.state === "running"} />,
            },
            {
              id: "hub",
              title: t("security.tabs.hub"),
              content: () => elsewhere("elsewhereText") ?? <HubTab />,
            },
            {
              id: "console",
              title: t("security.tabs.console"),
              content: () => elsewhere("elsewhereText") ?? <Console />,
            },
            {
              id: "configuration",
              title: t("security.tabs.configuration"),
              content: () => (
                <>
                  {shown ? <PlaceCard key={shown.mode} crowdsec={shown} /> : <SkeletonRows rows={4} />}
                  {shown?.mode === "local" ? <EscalationCard /> : null}
                  <EnforcementCard />
                  <CaptchaCard />
                  <NeverCard />
                  {mayEdit && shown?.mode === "local" ? <Files /> : null}
                </>
              ),
            },
            { id: "appsec", title: t("security.tabs.appsec"), content: () => <AppSecCard /> },
            {
              id: "log",
              title: t("security.tabs.log"),
              content: () => elsewhere("elsewhereLog") ?? <AgentLog />,
            },
          ]}
        />
      )}
    </Page>
  );
}
