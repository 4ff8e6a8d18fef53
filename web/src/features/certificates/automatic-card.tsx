// Automatic certificates: how it goes with each set of names, and how they are asked for.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { AcmeOrderState } from "@/ui/acme-order";
import { State } from "@/ui/badge";
import { ButtonLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { AutomaticSettings } from "./automatic-settings";

export function AutomaticCard() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const orders = useQuery(queries.acmeOrders());
  const settings = useQuery(queries.acme());
  const failed = [orders, settings].find((each) => each.error && !each.data);
  if (failed?.error) return <LoadFailed error={failed.error} retry={() => void failed.refetch()} />;
  return (
    <Card
      title={t("certificates.automatic.title")}
      aside={
        mayEdit ? (
          <ButtonLink size="sm" to="/certificates/automatic">
            {t("certificates.wizard.start")}
          </ButtonLink>
        ) : undefined
      }
    >
      <div className="flex flex-col gap-4">
        <p className="max-w-prose text-muted">{t("certificates.automatic.text")}</p>
        {orders.data ? (
          orders.data.length === 0 ? (
            <State tone="neutral" wrap>
              {t("certificates.automatic.nobody")}
            </State>
          ) : (
            <ul className="divide-y divide-line rounded-md border border-line">
              {orders.data.map((order) => (
                <li key={order.uuid} className="p-3 sm:p-4">
                  <AcmeOrderState order={order} />
                </li>
              ))}
            </ul>
          )
        ) : (
          <SkeletonRows rows={3} />
        )}
        {settings.data ? <AutomaticSettings shown={settings.data} /> : null}
      </div>
    </Card>
  );
}
