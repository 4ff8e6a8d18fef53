// CrowdSec as it is wished, as it is and as it was proven; and who is banned.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { LoadFailed } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { BansCard } from "./bans-card";
import { CrowdSecCard } from "./crowdsec-card";
import { EnforcementCard } from "./enforcement-card";
import { NeverCard } from "./never-card";

export default function SecurityPage() {
  const { t } = useTranslation();
  const crowdsec = useQuery(queries.crowdsec());
  if (crowdsec.error && !crowdsec.data)
    return <LoadFailed error={crowdsec.error} retry={() => void crowdsec.refetch()} />;
  return (
    <Page title={t("security.title")} windowTitle={t("security.title")}>
      {crowdsec.data ? <CrowdSecCard crowdsec={crowdsec.data} /> : <SkeletonRows rows={6} />}
      <BansCard />
      {crowdsec.data ? (
        <NeverCard key={crowdsec.data.never_banned.join()} entries={crowdsec.data.never_banned} />
      ) : null}
      <EnforcementCard />
    </Page>
  );
}
