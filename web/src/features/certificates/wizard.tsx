// From no certificate to one that browsers trust, step by step: who vouches, for which hosts, whether it would work, and
// the orders as they go.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import type { AcmeOrder, Host } from "@/api/schema";
import { AcmeOrderState } from "@/ui/acme-order";
import { State } from "@/ui/badge";
import { Button, ButtonLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { CheckNow, CheckReports } from "@/ui/certificate-check";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { Checkbox } from "@/ui/toggle";
import { AutomaticSettings } from "./automatic-settings";
import { areIssued, authorityOf, automaticOf, namesOf } from "./values";

/** Of the authority that is chosen at first. */
const TERMS = "https://letsencrypt.org/repository/";

export default function AutomaticWizard() {
  const { t } = useTranslation();
  const settings = useQuery(queries.acme());
  const hosts = useQuery(queries.hosts());
  const orders = useQuery(queries.acmeOrders());
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const failed = [settings, hosts, orders].find((each) => each.error && !each.data);
  const title = t("certificates.wizard.title");
  const loaded = settings.data && hosts.data && orders.data;
  return (
    <Page
      title={title}
      windowTitle={title}
      description={t("certificates.wizard.description")}
      back={{ to: "/certificates", label: t("certificates.title") }}
    >
      <div className="flex max-w-3xl flex-col gap-4">
        {failed?.error ? (
          <LoadFailed error={failed.error} retry={() => void failed.refetch()} />
        ) : loaded ? (
          <>
            <Step number={1} title={t("certificates.wizard.authority")} done={settings.data.terms_agreed}>
              {settings.data.terms_agreed ? (
                <State tone="live" wrap>
                  {t("certificates.wizard.agreed", {
                    authority: nameOf(t, settings.data.first.directory),
                  })}
                </State>
              ) : (
                <p className="max-w-prose text-muted">
                  {t("certificates.wizard.notAgreed")}{" "}
                  <a
                    href={TERMS}
                    target="_blank"
                    rel="noreferrer"
                    className="rounded-sm text-text underline decoration-line-strong underline-offset-3 hover:decoration-current"
                  >
                    {t("certificates.wizard.terms")}
                  </a>
                </p>
              )}
              <AutomaticSettings shown={settings.data} />
            </Step>
            <Step number={2} title={t("certificates.wizard.hosts")} done={chosen.size > 0}>
              <Hosts hosts={hosts.data} chosen={chosen} choose={setChosen} />
            </Step>
            <Rest
              hosts={hosts.data.filter((host) => chosen.has(host.uuid))}
              agreed={settings.data.terms_agreed}
              orders={orders.data}
            />
          </>
        ) : (
          <SkeletonRows rows={8} />
        )}
      </div>
    </Page>
  );
}

function nameOf(t: TFunction, directory: string): string {
  const known = authorityOf(directory);
  return known === "own" ? directory : t(`certificates.automatic.authorities.${known}`);
}

function Step({
  number,
  title,
  done,
  children,
}: {
  number: number;
  title: string;
  done: boolean;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <Card
      title={
        <>
          <span className="mr-2.5 text-muted tabular-nums">{number}</span>
          {title}
        </>
      }
      aside={done ? <State tone="live">{t("certificates.wizard.done")}</State> : undefined}
    >
      <div className="flex flex-col gap-4">{children}</div>
    </Card>
  );
}

function Hosts({
  hosts,
  chosen,
  choose,
}: {
  hosts: Host[];
  chosen: ReadonlySet<string>;
  choose: (chosen: ReadonlySet<string>) => void;
}) {
  const { t } = useTranslation();
  const { candidates, automatic, own } = automaticOf(hosts);
  if (hosts.length === 0)
    return (
      <Empty
        title={t("certificates.wizard.noHost")}
        action={<ButtonLink to="/proxy-hosts/new">{t("hosts.form.new")}</ButtonLink>}
      />
    );
  const toggle = (uuid: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(uuid);
    else next.delete(uuid);
    choose(next);
  };
  return (
    <>
      {candidates.length === 0 ? (
        <p className="text-muted">{t("certificates.wizard.noCandidate")}</p>
      ) : (
        <ul className="divide-y divide-line rounded-md border border-line">
          {candidates.map((host) => (
            <li key={host.uuid} className="px-3 py-2.5 wrap-anywhere">
              <Checkbox
                visibleLabel
                label={namesOf(host)}
                checked={chosen.has(host.uuid)}
                onChange={(on) => toggle(host.uuid, on)}
              />
            </li>
          ))}
        </ul>
      )}
      {automatic > 0 ? (
        <p className="text-sm text-muted">{t("certificates.wizard.already", { count: automatic })}</p>
      ) : null}
      {own > 0 ? <p className="text-sm text-muted">{t("certificates.wizard.own", { count: own })}</p> : null}
    </>
  );
}

function Rest({ hosts, agreed, orders }: { hosts: Host[]; agreed: boolean; orders: AcmeOrder[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const ordering = useMutation({
    mutationFn: async (wanted: Host[]) => {
      const failures: { host: Host; error: unknown }[] = [];
      for (const host of wanted) {
        try {
          await api.PUT("/api/v1/proxy-hosts/{uuid}", {
            params: { path: { uuid: host.uuid } },
            body: { automatic_certificate: true },
          });
        } catch (error) {
          failures.push({ host, error });
        }
      }
      await Promise.all([
        refreshServed(client),
        client.invalidateQueries({ queryKey: queries.acme().queryKey }),
      ]);
      return failures;
    },
  });
  const names = [...new Set(hosts.flatMap((host) => host.domains))];
  const waiting = hosts.filter((host) => !host.automatic_certificate);
  const running = orders.filter((order) =>
    order.hosts.some((one) => hosts.some((host) => host.uuid === one.uuid && host.automatic_certificate)),
  );
  const all = hosts.length > 0 && waiting.length === 0;
  return (
    <>
      <Step number={3} title={t("certificates.wizard.check")} done={false}>
        <p className="max-w-prose text-muted">{t("certificates.wizard.checkText")}</p>
        <CheckNow names={names} label={t("certificates.check.try")}>
          {(found) => <CheckReports found={found} />}
        </CheckNow>
      </Step>
      <Step number={4} title={t("certificates.wizard.order")} done={areIssued(hosts, orders)}>
        {all ? null : (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <Button
              look="primary"
              busy={ordering.isPending}
              disabled={waiting.length === 0 || !agreed}
              onClick={() => ordering.mutate(waiting)}
            >
              {t("certificates.wizard.get", { count: waiting.length })}
            </Button>
            <span className="text-sm text-muted">
              {!agreed
                ? t("certificates.wizard.agreeFirst")
                : waiting.length === 0
                  ? t("certificates.wizard.chooseFirst")
                  : null}
            </span>
          </div>
        )}
        {ordering.data?.map(({ host, error }) => (
          <Notice key={host.uuid} tone="failing" title={namesOf(host)}>
            {problemText(t, error)}
          </Notice>
        ))}
        {running.length > 0 ? (
          <ul className="divide-y divide-line rounded-md border border-line">
            {running.map((order) => (
              <li key={order.uuid} className="p-3 sm:p-4">
                <AcmeOrderState order={order} />
              </li>
            ))}
          </ul>
        ) : null}
      </Step>
    </>
  );
}
