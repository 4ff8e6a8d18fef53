// CrowdSec: how it stands, whom it refuses and why, and how it is set.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { Tabs } from "@/ui/tabs";
import { AgentLog } from "./agent-log";
import { Alerts } from "./alerts";
import { CaptchaCard } from "./captcha-card";
import { CrowdSecCard } from "./crowdsec-card";
import { Decisions } from "./decisions";
import { EnforcementCard } from "./enforcement-card";
import { EscalationCard } from "./escalation-card";
import { NeverCard } from "./never-card";
import { PlaceCard } from "./place-card";

export default function CrowdSecPage() {
  const { t } = useTranslation();
  const crowdsec = useQuery(queries.crowdsec());
  const shown = crowdsec.data;
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
              id: "configuration",
              title: t("security.tabs.configuration"),
              content: () => (
                <>
                  {shown ? <PlaceCard key={shown.mode} crowdsec={shown} /> : <SkeletonRows rows={4} />}
                  {shown?.mode === "local" ? <EscalationCard /> : null}
                  <EnforcementCard />
                  <CaptchaCard />
                  {shown ? <NeverCard key={shown.never_banned.join()} entries={shown.never_banned} /> : null}
                </>
              ),
            },
            {
              id: "log",
              title: t("security.tabs.log"),
              content: () =>
                shown?.mode === "external" ? (
                  <Notice title={t("security.place.elsewhere")}>{t("security.place.elsewhereLog")}</Notice>
                ) : (
                  <AgentLog />
                ),
            },
          ]}
        />
      )}
    </Page>
  );
}
