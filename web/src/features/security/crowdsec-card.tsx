// Wish, fact and proof of CrowdSec side by side, and what stands behind them.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { CrowdSec } from "@/api/schema";
import { Badge, State } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import { bytes, count, dateTime, sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";
import { Switch } from "@/ui/toggle";
import { isFollowing, PHASE_TONE, proofOf } from "./values";

/** `brief`: wish, fact and proof alone, for the overview. */
export function CrowdSecCard({ crowdsec, brief = false }: { crowdsec: CrowdSec; brief?: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const saving = useMutation({
    mutationFn: (enabled: boolean) => body(api.PUT("/api/v1/security/crowdsec", { body: { enabled } })),
    onSuccess: (shown) => {
      client.setQueryData(queries.crowdsec().queryKey, shown);
      const wish = t(shown.enabled ? "security.crowdsec.wishOn" : "security.crowdsec.wishOff");
      toast("live", t("security.crowdsec.wishStored", { wish }));
      void client.invalidateQueries({ queryKey: ["security"] });
      void client.invalidateQueries({ queryKey: ["health"] });
    },
  });
  const external = crowdsec.mode === "external";
  const wrong = crowdsec.state === "failing" || crowdsec.state === "not_installed";
  return (
    <Card
      title={t("security.crowdsec.title")}
      aside={brief ? <TextLink to="/security/crowdsec">{t("security.crowdsec.more")}</TextLink> : undefined}
    >
      <div className="flex flex-col gap-4">
        {saving.error ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
        <div className="grid gap-4 sm:grid-cols-3">
          <Column name={t("security.crowdsec.wish")}>
            <Switch
              label={t(external ? "security.crowdsec.switchExternal" : "security.crowdsec.switch")}
              hint={t(external ? "security.crowdsec.switchHintExternal" : "security.crowdsec.switchHint")}
              checked={crowdsec.enabled}
              disabled={!mayEdit || saving.isPending}
              onChange={(enabled) => saving.mutate(enabled)}
            />
          </Column>
          <Column name={t("security.crowdsec.fact")}>
            <State tone={PHASE_TONE[crowdsec.state]}>
              {external && crowdsec.state === "running"
                ? t("security.crowdsec.connected")
                : t(`security.crowdsec.state.${crowdsec.state}`)}
            </State>
            <p className="text-xs text-muted">
              {isFollowing(crowdsec) ? (
                t("security.crowdsec.following")
              ) : (
                <>
                  {t("security.crowdsec.since")} {dateTime(crowdsec.since)}
                </>
              )}
            </p>
          </Column>
          <Column name={t("security.crowdsec.proof")}>
            <Proof crowdsec={crowdsec} />
          </Column>
        </div>
        {wrong ? (
          <Notice tone="failing" title={sentence(crowdsec.message)}>
            {crowdsec.remedy ? `${t("security.crowdsec.remedy")}: ${crowdsec.remedy}` : null}
          </Notice>
        ) : null}
        {crowdsec.missing.length > 0 && !brief ? (
          <Notice tone="degraded" title={t("security.crowdsec.missing")}>
            {crowdsec.missing.join("; ")}
          </Notice>
        ) : null}
        {(crowdsec.version || external) && !brief ? <Details crowdsec={crowdsec} /> : null}
        {brief || external ? null : (
          <div>
            <TextLink to="/security/crowdsec?tab=hub">{t("crowdsec.link")}</TextLink>
          </div>
        )}
      </div>
    </Card>
  );
}

function Column({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <h3 className="text-sm text-muted">{name}</h3>
      {children}
    </div>
  );
}

function Proof({ crowdsec }: { crowdsec: CrowdSec }) {
  const { t } = useTranslation();
  const { proof } = crowdsec;
  const said = proofOf(crowdsec);
  if (said === "off") return <p className="text-muted">{t("security.crowdsec.nothingToProve")}</p>;
  if (said === "partly")
    return (
      <>
        <State tone="degraded">
          <span>
            {t("security.crowdsec.partly")} <Ago time={proof.partly_at ?? ""} />
          </span>
        </State>
        <p className="text-xs text-muted">{sentence(proof.not_proven ?? "")}</p>
      </>
    );
  if (said === "none") return <State tone="neutral">{t("security.crowdsec.notProven")}</State>;
  if (said === "proven")
    return (
      <State tone="live">
        <span>
          {t("security.crowdsec.proven")} <Ago time={proof.proven_at ?? ""} />
        </span>
      </State>
    );
  return (
    <>
      <State tone={said === "untried" ? "degraded" : "failing"}>
        {said === "untried"
          ? t("security.crowdsec.untried")
          : t("security.crowdsec.broken", { link: proof.broken_link })}
      </State>
      <p className="text-xs text-muted">{sentence(proof.reason ?? "")}</p>
    </>
  );
}

function Details({ crowdsec }: { crowdsec: CrowdSec }) {
  const { t } = useTranslation();
  const { requests, decisions } = crowdsec;
  const number = (value: number | null | undefined) => (value == null ? "–" : count(value));
  const elsewhere = [{ name: t("security.crowdsec.externalAddress"), value: sentence(crowdsec.message) }];
  const here = [
    {
      name: t("security.crowdsec.version"),
      value: t("security.crowdsec.versionValue", {
        version: crowdsec.version,
        pid: crowdsec.pid ?? "–",
        port: crowdsec.port,
      }),
    },
    { name: t("security.crowdsec.items"), value: count(crowdsec.items) },
    {
      name: t("security.crowdsec.requests"),
      value: (
        <>
          {t("security.crowdsec.requestsValue", {
            handed: count(requests.handed),
            read: number(requests.read),
            parsed: number(requests.parsed),
          })}{" "}
          {requests.waiting_bytes > 0 ? (
            <Badge>{t("security.crowdsec.requestsWaiting", { size: bytes(requests.waiting_bytes) })}</Badge>
          ) : null}{" "}
          {requests.lost > 0 ? (
            <Badge tone="degraded">{t("security.crowdsec.requestsLost", { count: requests.lost })}</Badge>
          ) : null}
        </>
      ),
    },
  ];
  return (
    <Facts
      items={[
        ...(crowdsec.mode === "external" ? elsewhere : here),
        {
          name: t("security.crowdsec.decisions"),
          value: (
            <>
              {t("security.crowdsec.decisionsValue", { count: decisions.held })}
              {decisions.pulled_at ? (
                <span className="text-muted">
                  , {t("security.crowdsec.decisionsPulled")} <Ago time={decisions.pulled_at} />
                </span>
              ) : null}
              {decisions.not_enforced.map((each) => (
                <p key={`${each.what} ${each.reason}`} className="text-xs text-muted">
                  {t("security.crowdsec.notEnforced", {
                    count: each.count,
                    what: each.what,
                    reason: each.reason,
                  })}
                </p>
              ))}
              {decisions.error ? (
                <p className="text-xs text-failing">
                  {t("security.crowdsec.pullFailed", { error: decisions.error })}
                </p>
              ) : null}
            </>
          ),
        },
        { name: t("security.crowdsec.usage"), value: <Usage usage={decisions.usage} /> },
        {
          name: t("security.crowdsec.restarts"),
          value: <Restarts restarts={crowdsec.restarts} />,
        },
        { name: t("security.crowdsec.refused"), value: count(crowdsec.refused) },
      ]}
    />
  );
}

function Restarts({ restarts }: { restarts: CrowdSec["restarts"] }) {
  const { t } = useTranslation();
  if (!restarts.last_at) return <span className="text-muted">{t("security.crowdsec.restartsNone")}</span>;
  return (
    <>
      {restarts.ended > 0 ? t("security.crowdsec.restartsEnded", { count: restarts.ended }) : null}
      {restarts.ended > 0 && restarts.hanging > 0 ? ", " : null}
      {restarts.hanging > 0 ? t("security.crowdsec.restartsHanging", { count: restarts.hanging }) : null}
      <span className="text-muted">
        , {t("security.crowdsec.restartsLast")} <Ago time={restarts.last_at} />
      </span>
      {restarts.last_reason ? <p className="text-xs text-muted">{sentence(restarts.last_reason)}</p> : null}
    </>
  );
}

function Usage({ usage }: { usage: CrowdSec["decisions"]["usage"] }) {
  const { t } = useTranslation();
  switch (usage.state) {
    case "told":
      return (
        <>
          {t("security.crowdsec.usageTold")} <Ago time={usage.at} />
        </>
      );
    case "failing":
      return <span className="text-failing">{sentence(usage.reason)}</span>;
    case "not_supported":
      return t("security.crowdsec.usageNotSupported");
    case "not_yet":
      return t("security.crowdsec.usageNotYet");
  }
}
