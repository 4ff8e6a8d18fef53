// What a person sees first: what needs attention, then how much flows and how well.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { useTraffic, withinWindow } from "@/live/traffic";
import { State } from "@/ui/badge";
import { ButtonLink, TextLink } from "@/ui/button";
import { Card, Figure } from "@/ui/card";
import { Command } from "@/ui/copy";
import { count, date, duration, milliseconds, rate, sentence } from "@/ui/format";
import { LiveBadge } from "@/ui/live-badge";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { ProblemList } from "@/ui/problem-list";
import { Skeleton } from "@/ui/skeleton";
import { StatusBand } from "@/ui/spark";
import { Ago } from "@/ui/time";
import { LatencyChart, RequestsChart } from "@/ui/traffic-charts";
import { dueCertificates, hostCounts } from "./values";
import { TopHosts } from "./top-hosts";

export default function OverviewPage() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  const mayEdit = useMay("admin");
  return (
    <Page title={t("overview.title")} windowTitle={t("overview.title")} actions={<LiveBadge />}>
      <Attention />
      {hosts.data?.length === 0 ? (
        <Card>
          <Empty
            title={t("overview.firstHost")}
            action={
              mayEdit ? (
                <ButtonLink look="primary" to="/proxy-hosts/new">
                  {t("overview.addHost")}
                </ButtonLink>
              ) : undefined
            }
          >
            {t("overview.firstHostText")}
          </Empty>
        </Card>
      ) : null}
      <TrafficCards />
      <div className="grid gap-4 lg:grid-cols-2">
        <HostsCard />
        <CertificatesCard />
      </div>
    </Page>
  );
}

function Attention() {
  const { t } = useTranslation();
  const health = useQuery(queries.health());
  const problems = health.data?.problems ?? [];
  return (
    <Card
      flush
      title={t("overview.attention")}
      aside={
        health.data && !health.error ? (
          <span className="text-sm text-muted">
            <Ago time={new Date(health.dataUpdatedAt).toISOString()} />
          </span>
        ) : null
      }
    >
      {health.error ? (
        <div className="p-4">
          <LoadFailed error={health.error} retry={() => void health.refetch()} />
        </div>
      ) : null}
      {health.isPending ? (
        <div className="px-4 py-3.5">
          <Skeleton className="h-5 w-64" />
        </div>
      ) : null}
      {health.data && !health.error && problems.length === 0 && health.data.status === "ok" ? (
        <p className="px-4 py-3.5">
          <State tone="live">
            <span className="whitespace-normal text-text">{t("overview.nothing")}</span>
          </State>
        </p>
      ) : null}
      {/* What was known before Charon went silent may not be so any more. */}
      {health.error ? null : <ProblemList problems={problems} />}
    </Card>
  );
}

function TrafficCards() {
  const { t } = useTranslation();
  const traffic = useTraffic();
  const info = useQuery(queries.info());
  const hosts = useQuery(queries.hosts());
  if (traffic.error && !traffic.data)
    return <LoadFailed error={traffic.error} retry={() => void traffic.refetch()} />;
  const data = traffic.data;
  const last = data?.series.at(-1);
  const first = hosts.data?.find((host) => host.status.state === "serving")?.domains[0];
  const span = duration(data?.window_seconds ?? 300);
  const recent = withinWindow(data?.series ?? []);
  return (
    <>
      {data?.log.error ? (
        <Notice tone="failing">{t("overview.logError", { error: data.log.error })}</Notice>
      ) : null}
      {data && data.log.dropped > 0 ? (
        <Notice tone="degraded">{t("overview.logDropped", { count: data.log.dropped })}</Notice>
      ) : null}
      <Card>
        <div className="grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 lg:grid-cols-5">
          <Figure
            label={t("overview.rpsNow")}
            value={last ? rate(last.requests_per_second) : "–"}
            unit={t("overview.perSecond")}
          />
          <Figure
            label={t("overview.requests")}
            value={data ? count(recent.requests) : "–"}
            detail={t("overview.lastTime", { span })}
          />
          <Figure
            label={t("overview.errors")}
            value={data ? count(recent["5xx"]) : "–"}
            detail={data ? t("overview.upstreamErrors", { count: data.totals.upstream_errors }) : ""}
          />
          <Figure
            label={t("overview.latency")}
            value={data ? milliseconds(data.latency.p95_ms) : "–"}
            detail={`p95 · p50 ${milliseconds(data?.latency.p50_ms)}`}
          />
          <Figure
            label={t("overview.inFlight")}
            value={data ? count(data.totals.in_flight) : "–"}
            detail={data ? t("overview.connections", { count: data.totals.active_connections }) : ""}
          />
        </div>
      </Card>
      {data?.totals.requests === 0 ? (
        <Card title={t("overview.rps")}>
          <Empty title={t("overview.noTraffic")}>
            <p>{t("overview.noTrafficHint")}</p>
            {first && info.data ? (
              <div className="mt-4 text-left">
                <p className="mb-1.5">{t("overview.tryIt")}</p>
                <Command text={`curl -H 'Host: ${first}' http://127.0.0.1:${info.data.public_http_port}/`} />
              </div>
            ) : null}
          </Empty>
        </Card>
      ) : (
        <div className="grid gap-4 lg:grid-cols-3">
          <Card title={t("overview.rps")} className="lg:col-span-2">
            {data ? (
              <RequestsChart series={data.series} height={200} />
            ) : (
              <Skeleton className="h-57 w-full" />
            )}
          </Card>
          <Card title={t("overview.status")} aside={<Window span={span} />}>
            {data ? <StatusBand counts={recent} /> : <Skeleton className="h-24 w-full" />}
          </Card>
          <Card title={t("overview.topHosts")} aside={<Window span={span} />} flush className="lg:col-span-2">
            {data ? <TopHosts hosts={data.top_hosts} /> : <Skeleton className="m-4 h-40" />}
          </Card>
          <Card title={t("overview.latency")}>
            {data ? <LatencyChart series={data.series} height={160} /> : <Skeleton className="h-47 w-full" />}
          </Card>
        </div>
      )}
    </>
  );
}

function Window({ span }: { span: string }) {
  const { t } = useTranslation();
  return <span className="text-sm text-muted">{t("overview.lastTime", { span })}</span>;
}

function HostsCard() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  const counts = hostCounts(hosts.data ?? []);
  return (
    <Card title={<TextLink to="/proxy-hosts">{t("overview.hosts")}</TextLink>}>
      {hosts.error ? <LoadFailed error={hosts.error} retry={() => void hosts.refetch()} /> : null}
      {hosts.data ? (
        <ul className="flex flex-wrap gap-x-8 gap-y-2">
          <li>
            <State tone={counts.serving > 0 ? "live" : "neutral"}>
              {t("overview.serving", { count: counts.serving })}
            </State>
          </li>
          <li>
            <State tone="neutral">{t("overview.disabled", { count: counts.disabled })}</State>
          </li>
          {counts.leftOut > 0 ? (
            <li>
              <TextLink to="/proxy-hosts?state=left_out">
                <State tone="failing">{t("overview.leftOut", { count: counts.leftOut })}</State>
              </TextLink>
            </li>
          ) : null}
        </ul>
      ) : (
        <Skeleton className="h-5 w-48" />
      )}
    </Card>
  );
}

function CertificatesCard() {
  const { t } = useTranslation();
  const certificates = useQuery(queries.certificates());
  const due = dueCertificates(certificates.data ?? []);
  return (
    <Card title={<TextLink to="/certificates">{t("overview.certificates")}</TextLink>}>
      {certificates.error ? (
        <LoadFailed error={certificates.error} retry={() => void certificates.refetch()} />
      ) : null}
      {certificates.data?.length === 0 ? (
        <p className="text-muted">{t("overview.certificatesNone")}</p>
      ) : null}
      {certificates.data && certificates.data.length > 0 && due.length === 0 ? (
        <State tone="live">{t("overview.certificatesFine", { count: certificates.data.length })}</State>
      ) : null}
      {certificates.isPending ? <Skeleton className="h-5 w-48" /> : null}
      <ul className="flex flex-col gap-2">
        {due.map((each) => (
          <li key={each.uuid} className="flex flex-wrap justify-between gap-x-4">
            <TextLink to={`/certificates/${each.uuid}`}>{each.name}</TextLink>
            <State tone={each.status === "expiring" ? "degraded" : "failing"}>
              {each.expires_at && each.status !== "unusable" ? (
                <span>
                  {t(each.status === "expired" ? "overview.ended" : "overview.ends")} {date(each.expires_at)}
                </span>
              ) : (
                <span className="whitespace-normal">{sentence(each.message)}</span>
              )}
            </State>
          </li>
        ))}
      </ul>
    </Card>
  );
}
