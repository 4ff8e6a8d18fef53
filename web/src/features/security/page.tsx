// What protects, in short: each part as it is wished, as it is and as it was proven; and who is banned.
import { useQuery } from "@tanstack/react-query";
import { Activity } from "lucide-react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { ButtonLink } from "@/ui/button";
import { LoadFailed } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { BansCard } from "./bans-card";
import { CrowdSecCard } from "./crowdsec-card";

export default function SecurityPage() {
  const { t } = useTranslation();
  const mayLook = useMay("user");
  const crowdsec = useQuery(queries.crowdsec());
  if (crowdsec.error && !crowdsec.data)
    return <LoadFailed error={crowdsec.error} retry={() => void crowdsec.refetch()} />;
  return (
    <Page
      title={t("security.title")}
      windowTitle={t("security.title")}
      actions={
        mayLook ? (
          <ButtonLink to="/security/log" icon={<Activity aria-hidden size={15} />}>
            {t("security.live.title")}
          </ButtonLink>
        ) : undefined
      }
    >
      {crowdsec.data ? <CrowdSecCard crowdsec={crowdsec.data} brief /> : <SkeletonRows rows={6} />}
      <BansCard />
    </Page>
  );
}
