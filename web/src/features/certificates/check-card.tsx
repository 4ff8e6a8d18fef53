// Rehearsals of all names that want an automatic certificate: those in danger open, the others in one line.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import type { AcmeCheck } from "@/api/schema";
import { useMay } from "@/api/session";
import { State } from "@/ui/badge";
import { Card } from "@/ui/card";
import { CheckNow, CheckReport } from "@/ui/certificate-check";
import { LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { group } from "./check-values";

export function CheckCard() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const orders = useQuery(queries.acmeOrders());
  const checks = useQuery(queries.acmeChecks());
  const failed = [checks, orders].find((each) => each.error && !each.data);
  if (failed?.error) return <LoadFailed error={failed.error} retry={() => void failed.refetch()} />;
  // That no host wants one is said above.
  if (orders.data?.length === 0 && checks.data?.length === 0) return null;
  const names = [...new Set(orders.data?.flatMap((order) => order.domains))].sort();
  const hostOf = (name: string) => orders.data?.find((order) => order.domains.includes(name))?.hosts[0]?.uuid;
  const { danger, ready, missing } = group(checks.data ?? [], names);
  return (
    <Card title={t("certificates.check.title")}>
      <div className="flex flex-col gap-4">
        <p className="max-w-prose text-muted">{t("certificates.check.text")}</p>
        {checks.data && orders.data ? (
          <>
            <div className="flex flex-wrap items-center justify-between gap-3">
              <div role="status" className="min-w-0">
                <Summary danger={danger} ready={ready.length} missing={missing.length} />
              </div>
              {mayEdit ? <CheckNow end names={names} label={t("certificates.check.all")} /> : null}
            </div>
            {danger.length > 0 ? (
              <ul className="divide-y divide-line rounded-md border border-line">
                {danger.map((check) => (
                  <Row key={check.name} check={check} host={hostOf(check.name)} mayEdit={mayEdit} />
                ))}
              </ul>
            ) : null}
            {ready.length > 0 ? (
              <details>
                <summary className="w-fit cursor-pointer rounded-sm py-1 text-muted hover:text-text">
                  {t("certificates.check.ready", { count: ready.length })}
                </summary>
                <ul className="mt-2 divide-y divide-line rounded-md border border-line">
                  {ready.map((check) => (
                    <Row key={check.name} check={check} host={hostOf(check.name)} mayEdit={mayEdit} />
                  ))}
                </ul>
              </details>
            ) : null}
            {missing.length > 0 ? (
              <p className="text-sm text-muted wrap-anywhere">
                {t("certificates.check.missing", { count: missing.length, names: missing.join(", ") })}
              </p>
            ) : null}
          </>
        ) : (
          <SkeletonRows rows={3} />
        )}
      </div>
    </Card>
  );
}

function Row({ check, host, mayEdit }: { check: AcmeCheck; host?: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  return (
    <li className="p-3 sm:p-4">
      <CheckReport
        check={check}
        host={host}
        action={
          mayEdit ? (
            <CheckNow
              end
              names={[check.name]}
              label={t("certificates.check.again")}
              about={t("certificates.check.againFor", { name: check.name })}
            />
          ) : undefined
        }
      />
    </li>
  );
}

/** One sentence for all names. */
function Summary({ danger, ready, missing }: { danger: AcmeCheck[]; ready: number; missing: number }) {
  const { t } = useTranslation();
  const failing = danger.filter((check) => check.verdict === "would_fail").length;
  const risky = danger.length - failing;
  if (failing > 0)
    return (
      <State tone="failing" wrap>
        {t("certificates.check.someFail", { count: failing, all: danger.length + ready })}
      </State>
    );
  if (risky > 0)
    return (
      <State tone="degraded" wrap>
        {t("certificates.check.someRisk", { count: risky, all: danger.length + ready })}
      </State>
    );
  if (ready === 0)
    return (
      <State tone="neutral" wrap>
        {t("certificates.check.none")}
      </State>
    );
  // Nothing is said of those that nobody has looked at.
  return (
    <State tone={missing > 0 ? "neutral" : "live"} wrap>
      {t(missing > 0 ? "certificates.check.ready" : "certificates.check.allReady", { count: ready })}
    </State>
  );
}
