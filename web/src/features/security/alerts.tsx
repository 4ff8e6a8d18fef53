// What CrowdSec has found, and the requests that led to it.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Alert } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button, TextLink } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import { Dialog, useDialog } from "@/ui/dialog";
import { clockMillis, count, dateTime } from "@/ui/format";
import { SearchBox } from "@/ui/list-page";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";
import { useParam } from "@/ui/url-state";
import { isAddress } from "./values";

const PORTION = 50;

/** `running`: an agent can be asked. */
export function Alerts({ running }: { running: boolean }) {
  const { t } = useTranslation();
  const [, setParams] = useSearchParams();
  const [q, setQ] = useParam("q");
  const mayLook = useMay("user");
  const shown = useDialog("alert");
  // What looks like an address or a network is one; anything else is a part of the scenario's name.
  const asked = useMemo(() => {
    const text = q.trim();
    if (text === "") return {};
    return isAddress(text) ? { value: text } : { scenario: text };
  }, [q]);
  const pages = useInfiniteQuery({
    queryKey: ["security", "alerts", asked],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/security/alerts", {
          params: { query: { ...asked, limit: PORTION, ...(pageParam ? { before: pageParam } : {}) } },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.length < PORTION ? undefined : last.at(-1)?.id),
    refetchInterval: 15_000,
    enabled: running,
  });
  const alerts = useMemo(() => pages.data?.pages.flat(), [pages.data]);
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <SearchBox label={t("security.alerts.search")} value={q} onChange={setQ} />
      </div>
      <Card title={t("security.alerts.title")} flush>
        {!running ? (
          <Empty title={t("security.alerts.notRunning")}>{t("security.alerts.notRunningText")}</Empty>
        ) : pages.error && !alerts ? (
          <div className="p-4">
            <LoadFailed error={pages.error} retry={() => void pages.refetch()} />
          </div>
        ) : !alerts ? (
          <SkeletonRows rows={5} />
        ) : alerts.length > 0 ? (
          <ul className="divide-y divide-line">
            {alerts.map((alert) => (
              <Row
                key={alert.id}
                alert={alert}
                onOpen={mayLook ? () => shown.open(String(alert.id)) : undefined}
              />
            ))}
          </ul>
        ) : q ? (
          <Empty
            title={t("ui.nothingFound")}
            action={
              <Button onClick={() => setParams({ tab: "alerts" }, { replace: true })}>
                {t("ui.clearFilters")}
              </Button>
            }
          />
        ) : (
          <Empty title={t("security.alerts.emptyTitle")}>{t("security.alerts.emptyText")}</Empty>
        )}
      </Card>
      {pages.hasNextPage ? (
        <Button
          className="self-center"
          busy={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {t("security.alerts.older")}
        </Button>
      ) : null}
      {shown.value && mayLook ? <Evidence id={Number(shown.value)} onClose={shown.close} /> : null}
    </>
  );
}

function Row({ alert, onOpen }: { alert: Alert; onOpen: (() => void) | undefined }) {
  const { t } = useTranslation();
  return (
    <li className="relative flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5 hover:bg-raised">
      <span className="min-w-44 font-mono text-sm wrap-anywhere">
        {alert.value}
        {alert.country ? <span className="ml-2 font-sans text-muted">{alert.country}</span> : null}
      </span>
      <span className="min-w-0 flex-1 basis-52 wrap-anywhere">
        {onOpen ? (
          <button
            type="button"
            onClick={onOpen}
            className="rounded-sm text-left before:absolute before:inset-0 focus-visible:-outline-offset-2"
          >
            {alert.scenario}
          </button>
        ) : (
          alert.scenario
        )}
        <span className="block text-xs text-muted">
          {t("security.alerts.requests", { count: alert.requests })}
        </span>
      </span>
      {alert.decisions[0] ? (
        <Badge tone="failing">{alert.decisions[0].type}</Badge>
      ) : (
        <Badge>{t("security.alerts.over")}</Badge>
      )}
      <span className="text-sm text-muted">{alert.time ? <Ago time={alert.time} /> : null}</span>
    </li>
  );
}

function Evidence({ id, onClose }: { id: number; onClose: () => void }) {
  const { t } = useTranslation();
  const found = useQuery(queries.alert(id));
  const alert = found.data;
  return (
    <Dialog
      side
      open
      onClose={onClose}
      title={alert ? alert.scenario : t("security.alerts.one")}
      description={alert ? t("security.alerts.about", { value: alert.value }) : undefined}
    >
      {found.error && !alert ? (
        <LoadFailed error={found.error} retry={() => void found.refetch()} />
      ) : !alert ? (
        <SkeletonRows rows={6} />
      ) : (
        <div className="flex flex-col gap-4">
          <Facts
            items={[
              { name: t("security.alerts.when"), value: alert.time ? dateTime(alert.time) : "–" },
              { name: t("security.alerts.led"), value: count(alert.requests) },
              {
                name: t("security.alerts.decided"),
                value: alert.decisions.length
                  ? alert.decisions.map((each) => (
                      <p key={each.id}>
                        {t("security.alerts.decision", {
                          type: each.type,
                          value: each.value,
                          until: dateTime(each.expires_at),
                        })}
                      </p>
                    ))
                  : t("security.alerts.nothingHolds"),
              },
            ]}
          />
          <section className="flex flex-col gap-2">
            <h3 className="text-sm font-medium">{t("security.alerts.evidence")}</h3>
            {alert.events.length === 0 ? (
              <Notice>{t("security.alerts.noEvidence")}</Notice>
            ) : (
              <ol className="divide-y divide-line rounded-md border border-line">
                {alert.events.map((event, index) => (
                  <li key={`${event.request_id} ${index}`} className="flex flex-col gap-0.5 px-3 py-2">
                    <span className="font-mono text-sm wrap-anywhere">
                      <span className="text-muted">
                        {event.status} {event.method}
                      </span>{" "}
                      {event.host}
                      {event.path}
                    </span>
                    <span className="flex flex-wrap gap-x-3 text-xs text-muted">
                      {event.time ? <span>{clockMillis(event.time)}</span> : null}
                      <span className="wrap-anywhere">
                        {event.user_agent || t("security.alerts.noAgent")}
                      </span>
                      {event.request_id ? (
                        <TextLink to={`/log?request=${event.request_id}`}>
                          {t("security.alerts.request", { id: event.request_id })}
                        </TextLink>
                      ) : null}
                    </span>
                  </li>
                ))}
              </ol>
            )}
            {alert.requests > alert.events.length && alert.events.length > 0 ? (
              <p className="text-xs text-muted">{t("security.alerts.someKept")}</p>
            ) : null}
          </section>
        </div>
      )}
    </Dialog>
  );
}
