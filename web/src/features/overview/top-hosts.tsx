// The busiest hosts with the shape of their last minutes.
import { useTranslation } from "react-i18next";
import type { TopHost } from "@/api/schema";
import { TextLink } from "@/ui/button";
import { count, milliseconds, rate } from "@/ui/format";
import { Sparkline } from "@/ui/spark";

export function TopHosts({ hosts }: { hosts: TopHost[] }) {
  const { t } = useTranslation();
  const head = "h-9 px-3 font-medium first:pl-4 last:pr-4";
  const cell = "h-11 px-3 first:pl-4 last:pr-4";
  return (
    <table className="w-full">
      <thead>
        <tr className="border-b border-line text-left text-sm text-muted">
          <th className={head}>{t("overview.host")}</th>
          <th className={`${head} max-sm:hidden`}>{t("overview.trend")}</th>
          <th className={`${head} text-right`}>{t("overview.rate")}</th>
          <th className={`${head} text-right`}>{t("overview.fivexx")}</th>
          <th className={`${head} text-right`}>{t("overview.p95short")}</th>
        </tr>
      </thead>
      <tbody>
        {hosts.map((host) => (
          <tr key={host.uuid} className="border-b border-line last:border-0">
            <td className={`${cell} max-w-44 truncate`}>
              <TextLink to={`/proxy-hosts/${host.uuid}`}>{host.name}</TextLink>
            </td>
            <td className={`${cell} max-sm:hidden`}>
              <Sparkline values={host.sparkline} />
            </td>
            <td className={`${cell} text-right`}>
              {t("overview.perSecondShort", { value: rate(host.requests_per_second) })}
            </td>
            <td className={`${cell} text-right ${host.errors_5xx > 0 ? "text-failing" : "text-muted"}`}>
              {count(host.errors_5xx)}
            </td>
            <td className={`${cell} text-right whitespace-nowrap`}>{milliseconds(host.p95_ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
