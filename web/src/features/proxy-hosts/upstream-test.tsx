// Tries the servers now, step by step, and says where it ends and what mends it.
import { Check, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { ServerTest, UpstreamTest } from "@/api/schema";
import { Badge, State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { cx } from "@/ui/classes";
import { dateTime, milliseconds, sentence } from "@/ui/format";
import { problemText } from "@/ui/problem-text";

/** The button and what came of it. A result stands only as long as `of`, what it was about, is the same. */
export function TestServers({
  of,
  run,
  size,
}: {
  of: string;
  /** Null when there is nothing to be tried, which the form says. */
  run: () => Promise<UpstreamTest | null>;
  size?: "sm";
}) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<{ of: string; answer?: UpstreamTest | null; error?: unknown }>({
    of: "",
  });
  const start = async () => {
    setBusy(true);
    try {
      setResult({ of, answer: await run() });
    } catch (error) {
      setResult({ of, error });
    } finally {
      setBusy(false);
    }
  };
  const shown = result.of === of && !busy ? result : null;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button busy={busy} onClick={() => void start()} className="min-w-28" {...(size ? { size } : {})}>
          {busy ? t("hostServers.test.busy") : t("hostServers.test.run")}
        </Button>
        <div role="status" className="min-w-0">
          {shown?.answer ? (
            <State tone={shown.answer.ok ? "live" : "failing"}>
              <span className="whitespace-normal">
                {shown.answer.ok
                  ? t("hostServers.test.allAnswer", { count: shown.answer.servers.length })
                  : t("hostServers.test.someFail", {
                      count: shown.answer.servers.filter((each) => !each.ok).length,
                      all: shown.answer.servers.length,
                    })}
              </span>
            </State>
          ) : null}
          {shown?.error ? (
            <State tone="failing">
              <span className="whitespace-normal">{problemText(t, shown.error)}</span>
            </State>
          ) : null}
        </div>
      </div>
      {shown?.answer ? (
        <ul className="flex flex-col gap-3">
          {shown.answer.servers.map((server, index) => (
            <Server key={index} server={server} />
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function Server({ server }: { server: ServerTest }) {
  const { t } = useTranslation();
  const { certificate } = server;
  return (
    <li className="rounded-md border border-line p-3 text-sm">
      <div className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="font-mono wrap-anywhere">{`${server.scheme}://${server.address}`}</span>
        {server.location ? <Badge>{t("hosts.servers.location", { path: server.location })}</Badge> : null}
      </div>
      <ol className="flex flex-col gap-1.5">
        {server.steps.map((step) => (
          <Step key={step.step} ok={step.ok} time={milliseconds(step.milliseconds)}>
            <span className="font-medium">{t(`hostServers.test.steps.${step.step}`)}</span>{" "}
            <span className={step.ok ? "text-muted" : "text-failing"}>
              {sentence(t("hostServers.test.says", { what: step.message }))}
            </span>
            {step.remedy ? <p>{step.remedy}</p> : null}
          </Step>
        ))}
      </ol>
      {certificate ? (
        <p className="mt-2 text-muted wrap-anywhere">
          {t("hostServers.test.certificate", {
            subject: certificate.subject,
            domains: certificate.domains.join(", ") || t("hostServers.test.noNames"),
            issuer: certificate.issuer,
            date: dateTime(certificate.expires_at),
          })}
        </p>
      ) : null}
    </li>
  );
}

function Step({ ok, time, children }: { ok: boolean; time: string; children: ReactNode }) {
  const { t } = useTranslation();
  const Icon = ok ? Check : X;
  return (
    <li className="flex items-start gap-2">
      <Icon
        role="img"
        aria-label={ok ? t("hostServers.test.ok") : t("hostServers.test.failed")}
        size={15}
        className={cx("mt-0.5 shrink-0", ok ? "text-live" : "text-failing")}
      />
      <div className="min-w-0 flex-1 wrap-anywhere">{children}</div>
      <span className="shrink-0 text-muted tabular-nums">{time}</span>
    </li>
  );
}
