// Bans as rows: who, why, by whom, until when.
import { useTranslation } from "react-i18next";
import type { Ban } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import { dateTime } from "@/ui/format";
import { EndButton } from "./end-ban";
import { banKey } from "./values";

export function BanRows({ bans, onEnd }: { bans: Ban[]; onEnd: ((ban: Ban) => void) | undefined }) {
  const { t } = useTranslation();
  return (
    <ul className="divide-y divide-line">
      {bans.map((ban) => (
        <li key={banKey(ban)} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5">
          <span className="flex min-w-44 flex-wrap items-center gap-2 font-mono text-sm wrap-anywhere">
            {ban.value}
            {ban.scope === "ip" || ban.scope === "range" ? null : <Badge>{ban.scope}</Badge>}
            {ban.type === "ban" ? null : <Badge tone="info">{ban.type}</Badge>}
          </span>
          <span className="min-w-0 flex-1 basis-52 wrap-anywhere">
            {ban.origin === "manual" || !ban.reason ? (
              ban.reason || "–"
            ) : (
              <TextLink
                to={`/security/crowdsec?tab=alerts&q=${encodeURIComponent(ban.value)}`}
                title={t("security.bans.why")}
              >
                {ban.reason}
              </TextLink>
            )}
            <span className="block text-xs text-muted">
              {t("security.bans.origin")}{" "}
              {ban.origin === "manual" ? t("security.bans.by.manual") : ban.origin}
              {" · "}
              {t("security.bans.expires")}{" "}
              {ban.expires_at ? dateTime(ban.expires_at) : t("security.bans.ever")}
            </span>
          </span>
          {ban.enforced ? null : <Badge tone="degraded">{t("security.bans.notEnforced")}</Badge>}
          {onEnd ? <EndButton ban={ban} onEnd={() => onEnd(ban)} /> : null}
        </li>
      ))}
    </ul>
  );
}
