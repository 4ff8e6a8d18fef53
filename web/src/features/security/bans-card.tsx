// Who is banned, in short: the newest bans, and the way to all of them.
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Ban } from "@/api/schema";
import { Button, TextLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { useDialog } from "@/ui/dialog";
import { count } from "@/ui/format";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { AddBan } from "./add-ban";
import { BanRows } from "./ban-rows";
import { EndBan } from "./end-ban";
import { banKey } from "./values";

const FEW = 5;

export function BansCard() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const bans = useQuery(queries.bans({ limit: FEW }));
  const adding = useDialog("ban");
  const [ending, setEnding] = useState<Ban | null>(null);
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
        <div className="p-4">
          <LoadFailed error={bans.error} retry={() => void bans.refetch()} />
        </div>
      ) : !bans.data ? (
        <SkeletonRows rows={3} />
      ) : bans.data.items.length === 0 ? (
        <Empty title={t("security.bans.emptyTitle")}>{t("security.bans.emptyText")}</Empty>
      ) : (
        <>
          <BanRows bans={bans.data.items} onEnd={mayEdit ? setEnding : undefined} />
          <p className="border-t border-line px-4 py-2.5 text-sm">
            <TextLink to="/security/crowdsec?tab=decisions">
              {t("security.bans.all", { total: count(bans.data.total) })}
            </TextLink>
          </p>
        </>
      )}
      {adding.value !== null && mayEdit ? <AddBan onClose={adding.close} /> : null}
      {ending ? <EndBan key={banKey(ending)} ban={ending} onClose={() => setEnding(null)} /> : null}
    </Card>
  );
}
