// The home of one host: state, traffic, certificate, configuration and history.
import { useQuery } from "@tanstack/react-query";
import { Copy, Ellipsis, ExternalLink, Pencil, Power, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Host, TrafficRules } from "@/api/schema";
import { withinWindow } from "@/live/traffic";
import { AcmeOrderState } from "@/ui/acme-order";
import { Badge, State } from "@/ui/badge";
import { Button, ButtonLink, TextLink, buttonClass } from "@/ui/button";
import { Card, Facts, Figure } from "@/ui/card";
import { CheckNow, CheckReport } from "@/ui/certificate-check";
import { cx } from "@/ui/classes";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { count, date, dateTime, duration, milliseconds, rate, sentence } from "@/ui/format";
import { Menu } from "@/ui/menu";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { StatusBand } from "@/ui/spark";
import { Tabs } from "@/ui/tabs";
import { Elapsed } from "@/ui/time";
import { LatencyChart, RequestsChart } from "@/ui/traffic-charts";
import { useHostActions } from "./actions";
import { CarriedSettings } from "./carried";
import { STATE_TONE } from "./columns";
import { HostHistory } from "./history";
import { describeAll } from "./server-rules";
import { ServersCard } from "./servers-card";
import { PART_NAMES, describe } from "./traffic-rules";
import { hostName, isProtected, phaseOf, targetText, tlsModeOf } from "./values";

export default function HostPage() {
  const { t } = useTranslation();
  const { uuid = "" } = useParams();
  const host = useQuery({ ...queries.host(uuid), refetchInterval: 15_000 });
  if (host.error instanceof ApiProblem && host.error.status === 404)
    return (
      <Page
        title={t("hosts.page.gone")}
        windowTitle={t("hosts.page.gone")}
        back={{ to: "/proxy-hosts", label: t("hosts.page.back") }}
      >
        <Card>
          <Empty
            title={t("hosts.page.gone")}
            action={<ButtonLink to="/revisions">{t("revisions.title")}</ButtonLink>}
          >
            {t("hosts.page.goneText")}
          </Empty>
        </Card>
      </Page>
    );
  if (host.error && !host.data) return <LoadFailed error={host.error} retry={() => void host.refetch()} />;
  if (!host.data) return <SkeletonRows rows={8} />;
  return <Loaded host={host.data} />;
}

function Loaded({ host }: { host: Host }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const mayEdit = useMay("admin");
  const mayLog = useMay("user");
  const actions = useHostActions();
  const deleting = useDialog("delete");
  const automatic = useAutomatic(host);
  const name = hostName(host);
  const visit = host.domains.find((domain) => !domain.includes("*"));
  const remove = async () => {
    if (await actions.remove(host)) void navigate("/proxy-hosts");
  };
  return (
    <Page
      title={name}
      windowTitle={name}
      back={{ to: "/proxy-hosts", label: t("hosts.page.back") }}
      actions={
        <>
          {mayLog ? (
            <ButtonLink to={`/log?host=${encodeURIComponent(host.domains[0] ?? "")}`}>
              {t("hosts.page.log")}
            </ButtonLink>
          ) : null}
          {mayEdit ? (
            <>
              <ButtonLink
                look="primary"
                to={`/proxy-hosts/${host.uuid}/edit`}
                icon={<Pencil aria-hidden size={15} />}
              >
                {t("hosts.page.edit")}
              </ButtonLink>
              <Menu
                groups={[
                  [
                    {
                      label: host.enabled ? t("hosts.disable") : t("hosts.enable"),
                      icon: <Power aria-hidden size={16} />,
                      onSelect: () => void actions.setEnabled(host, !host.enabled),
                    },
                    ...(isProtected(host)
                      ? []
                      : [
                          {
                            label: t("hosts.clone"),
                            icon: <Copy aria-hidden size={16} />,
                            to: `/proxy-hosts/new?from=${host.uuid}`,
                          },
                        ]),
                  ],
                  [
                    {
                      label: t("hosts.delete"),
                      icon: <Trash2 aria-hidden size={16} />,
                      danger: true,
                      onSelect: () => (host.carried.length > 0 ? deleting.open() : void remove()),
                    },
                  ],
                ]}
                trigger={
                  <button
                    type="button"
                    aria-label={t("ui.actionsFor", { name })}
                    className={buttonClass("plain", "icon")}
                  >
                    <Ellipsis aria-hidden size={17} />
                  </button>
                }
              />
            </>
          ) : null}
        </>
      }
    >
      {host.status.state === "left_out" ? (
        <Notice
          tone="failing"
          title={sentence(host.status.message)}
          action={
            mayEdit ? (
              <ButtonLink
                size="sm"
                // What was carried is given up beside the configuration; the form cannot change it.
                to={
                  isProtected(host)
                    ? `/proxy-hosts/${host.uuid}?tab=configuration`
                    : `/proxy-hosts/${host.uuid}/edit`
                }
              >
                {t("ui.mend")}
              </ButtonLink>
            ) : undefined
          }
        >
          {sentence(host.status.remedy)}
        </Notice>
      ) : null}
      {phaseOf(host) === "maintenance" ? (
        <Notice tone="degraded" title={t("hosts.maintenance.title")}>
          {t("hosts.maintenance.text")}
        </Notice>
      ) : null}
      {/* What is not fine needs room for its reasons. */}
      <div className={cx("grid gap-4", automatic.isFine ? "lg:grid-cols-3" : "lg:grid-cols-2")}>
        <Card>
          <p className="mb-1 text-sm text-muted">{t("hosts.page.state")}</p>
          <State tone={STATE_TONE[phaseOf(host)]}>
            <span className="text-lg font-medium">{t(`hosts.states.${phaseOf(host)}`)}</span>
          </State>
          <p className="mt-1 text-sm text-muted">
            {host.status.since ? (
              <>
                {t("ui.lasting")} <Elapsed time={host.status.since} />
              </>
            ) : null}
            {host.status.state === "serving" && host.status.revision
              ? `, ${t("hosts.page.proof", { revision: host.status.revision })}`
              : null}
          </p>
          {host.status.state === "disabled" && mayEdit ? (
            <Button size="sm" className="mt-3" onClick={() => void actions.setEnabled(host, true)}>
              {t("hosts.enable")}
            </Button>
          ) : null}
        </Card>
        <Card>
          <p className="mb-1 text-sm text-muted">{t("hosts.domains")}</p>
          <ul className="mb-2">
            {host.domains.map((domain) => (
              <li key={domain} className="wrap-anywhere">
                {domain === visit ? (
                  <a
                    href={`${host.ssl_forced ? "https" : "http"}://${domain}`}
                    target="_blank"
                    rel="noreferrer"
                    className="inline-flex items-center gap-1.5 underline decoration-line-strong underline-offset-3 hover:decoration-current"
                  >
                    {domain}
                    <ExternalLink aria-hidden size={13} className="text-muted" />
                  </a>
                ) : (
                  domain
                )}
              </li>
            ))}
          </ul>
          <p className="font-mono text-sm wrap-anywhere text-muted">→ {targetText(host)}</p>
        </Card>
        <CertificateCard host={host} automatic={automatic} />
      </div>
      <ServersCard uuid={host.uuid} servers={host.servers} />
      <Tabs
        label={name}
        tabs={[
          { id: "traffic", title: t("hosts.page.traffic"), content: () => <TrafficTab uuid={host.uuid} /> },
          {
            id: "configuration",
            title: t("hosts.page.configuration"),
            content: () => <Configuration host={host} />,
          },
          { id: "history", title: t("hosts.page.history"), content: () => <HostHistory uuid={host.uuid} /> },
        ]}
      />
      <Confirm
        open={deleting.value !== null}
        title={t("hosts.deleteOne", { name })}
        action={t("hosts.delete")}
        busy={false}
        onClose={deleting.close}
        onConfirm={() => void remove()}
      >
        {t("hosts.deleteCarried")}
      </Confirm>
    </Page>
  );
}

function CertificateCard({ host, automatic }: { host: Host; automatic: ReturnType<typeof useAutomatic> }) {
  const { t } = useTranslation();
  const certificates = useQuery(queries.certificates());
  const own = certificates.data?.find((each) => each.uuid === host.certificate_uuid);
  let text: ReactNode = <Skeleton className="h-5 w-40" />;
  if (automatic.isAutomatic) text = <AutomaticState host={host} automatic={automatic} />;
  else if (!host.certificate_uuid) text = <p className="text-muted">{t("hosts.page.certificateAuto")}</p>;
  else if (own)
    text = (
      <>
        <TextLink to={`/certificates/${own.uuid}`}>{own.name}</TextLink>
        <p className="mt-1 text-sm">
          <State tone={own.status === "valid" ? "live" : own.status === "expiring" ? "degraded" : "failing"}>
            {own.expires_at ? t("hosts.page.certificateEnds", { date: date(own.expires_at) }) : own.message}
          </State>
        </p>
      </>
    );
  else if (certificates.data) text = <State tone="failing">{t("hosts.cert.missing")}</State>;
  return (
    <Card className={automatic.isFine ? undefined : "lg:col-span-2"}>
      <p className="mb-1 text-sm text-muted">{t("hosts.page.certificate")}</p>
      {text}
      {host.ssl_forced ? (
        <p className="mt-2">
          <Badge tone="info">{t("hosts.cert.forced")}</Badge>
        </p>
      ) : null}
    </Card>
  );
}

/** How it goes with the certificate that an authority is asked for, and what its rehearsals found. */
function useAutomatic(host: Host) {
  const isAutomatic = !host.certificate_uuid && host.automatic_certificate;
  const orders = useQuery({ ...queries.acmeOrders(), enabled: isAutomatic });
  const checks = useQuery({ ...queries.acmeChecks(), enabled: isAutomatic });
  const order = orders.data?.find((each) => each.hosts.some((one) => one.uuid === host.uuid));
  const known = checks.data?.filter((check) => host.domains.includes(check.name)) ?? [];
  const isFine = (!order || order.phase === "valid") && known.every((check) => check.verdict === "ready");
  return { isAutomatic, order, checks: known, areChecksKnown: checks.data !== undefined, isFine };
}

function AutomaticState({ host, automatic }: { host: Host; automatic: ReturnType<typeof useAutomatic> }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const { order, checks } = automatic;
  const missing = host.domains.filter((name) => !checks.some((check) => check.name === name));
  return (
    <div className="flex flex-col gap-3">
      {order ? <AcmeOrderState order={order} /> : <Skeleton className="h-5 w-40" />}
      {automatic.areChecksKnown ? (
        <section
          aria-label={t("certificates.check.title")}
          className="flex flex-col gap-3 border-t border-line pt-3"
        >
          {checks.map((check) => (
            <CheckReport key={check.name} check={check} named={host.domains.length > 1} next />
          ))}
          {missing.length > 0 ? (
            <p className="text-sm text-muted wrap-anywhere">
              {t("certificates.check.missing", { count: missing.length, names: missing.join(", ") })}
            </p>
          ) : null}
          {mayEdit ? <CheckNow names={host.domains} label={t("certificates.check.again")} /> : null}
        </section>
      ) : null}
    </div>
  );
}

function TrafficTab({ uuid }: { uuid: string }) {
  const { t } = useTranslation();
  const traffic = useQuery(queries.hostTraffic(uuid));
  if (traffic.error && !traffic.data)
    return <LoadFailed error={traffic.error} retry={() => void traffic.refetch()} />;
  const data = traffic.data;
  if (!data) return <Skeleton className="h-72 w-full" />;
  const recent = withinWindow(data.series);
  if (recent.requests === 0)
    return (
      <Card>
        <Empty title={t("hosts.page.noTraffic")}>{t("hosts.page.noTrafficText")}</Empty>
      </Card>
    );
  const last = data.series.at(-1);
  return (
    <>
      {data.recent_errors > 0 && data.recent_errors >= recent.requests ? (
        <Notice tone="failing" title={t("hosts.page.allErrors")}>
          {t("hosts.page.allErrorsText")}
        </Notice>
      ) : data.recent_errors > 0 ? (
        <Notice tone="degraded">{t("hosts.page.recentErrors", { count: data.recent_errors })}</Notice>
      ) : null}
      <Card>
        <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
          <Figure
            label={t("overview.rpsNow")}
            value={rate(last?.requests_per_second ?? 0)}
            unit={t("overview.perSecond")}
          />
          <Figure
            label={t("overview.requests")}
            value={count(recent.requests)}
            detail={t("overview.lastTime", { span: duration(300) })}
          />
          <Figure label="p50" value={milliseconds(data.latency.p50_ms)} />
          <Figure label="p95" value={milliseconds(data.latency.p95_ms)} />
        </div>
      </Card>
      <div className="grid gap-4 lg:grid-cols-3">
        <Card title={t("overview.rps")} className="lg:col-span-2">
          <RequestsChart series={data.series} />
        </Card>
        <Card title={t("overview.status")}>
          <StatusBand counts={recent} />
        </Card>
        <Card title={t("overview.latency")} className="lg:col-span-3">
          <LatencyChart series={data.series} height={150} />
        </Card>
      </div>
    </>
  );
}

function TrafficLines({ rules }: { rules: TrafficRules }) {
  const { t } = useTranslation();
  const lines = PART_NAMES.flatMap((part) => {
    const says = describe(t, part, rules);
    return says ? [`${t(`hostTraffic.parts.${part}`)}: ${says}`] : [];
  });
  if (lines.length === 0) return t("hostTraffic.none");
  return lines.map((line) => <div key={line}>{line}</div>);
}

function Configuration({ host }: { host: Host }) {
  const { t } = useTranslation();
  const word = (value: boolean) => (value ? t("ui.yes") : t("ui.no"));
  const headers = [
    ...host.request_headers.map((each) => `→ ${each.action} ${each.name} ${each.value}`),
    ...host.response_headers.map((each) => `← ${each.action} ${each.name} ${each.value}`),
  ];
  return (
    <Card>
      <Facts
        items={[
          { name: t("hosts.domains"), value: host.domains.join(", ") },
          { name: t("hosts.target"), value: <code className="font-mono text-sm">{targetText(host)}</code> },
          {
            name: t("hosts.page.locations"),
            value:
              host.locations.length === 0
                ? t("hosts.form.routingNone")
                : host.locations.map((each) => (
                    <div key={each.uuid} className="font-mono text-sm">
                      {each.path} → {targetText(each)}
                    </div>
                  )),
          },
          { name: t("hosts.form.sslForced"), value: word(host.ssl_forced) },
          { name: t("hosts.form.http2"), value: word(host.http2_support) },
          {
            name: t("hosts.form.hstsOn"),
            value: host.hsts_enabled
              ? `${host.hsts_max_age} s${host.hsts_subdomains ? `, ${t("hosts.form.hstsSub")}` : ""}${host.tls.hsts_preload ? ", preload" : ""}`
              : t("ui.no"),
          },
          {
            name: t("hostTls.policy"),
            value: t(`hostTls.policies.${host.tls.policy ?? "usual"}`),
          },
          { name: t("hostTls.clients"), value: t(`hostTls.modes.${tlsModeOf(host.tls)}`) },
          { name: t("hosts.page.upstreamTls"), value: word(host.verify_upstream_tls) },
          {
            name: t("hosts.form.servers"),
            value: describeAll(t, host.upstream) ?? t("hosts.form.serversNone"),
          },
          { name: t("hosts.form.trafficFold"), value: <TrafficLines rules={host.traffic} /> },
          {
            name: t("hosts.page.headers"),
            value:
              headers.length === 0
                ? t("hosts.form.headersNone")
                : headers.map((line) => (
                    <div key={line} className="font-mono text-sm">
                      {line}
                    </div>
                  )),
          },
          {
            name: t("hosts.tags"),
            value: host.tags.length > 0 ? host.tags.join(", ") : t("hosts.form.noTags"),
          },
          { name: t("hosts.page.created"), value: dateTime(host.created_at) },
          { name: t("hosts.page.changed"), value: dateTime(host.updated_at) },
        ]}
      />
      <CarriedSettings host={host} />
    </Card>
  );
}
