// Rehearsals: whether an authority would issue a certificate for a name now, what stands in the way, and what mends it.
import { useMutation, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { CircleAlert, TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import type { AcmeCheck } from "@/api/schema";
import { State } from "./badge";
import { Button, TextLink } from "./button";
import { placeOf } from "./certificate-check-place";
import { cx, type Tone } from "./classes";
import { sentence } from "./format";
import { Notice } from "./notice";
import { problemText } from "./problem-text";
import { Ago } from "./time";

export const VERDICT_TONE: Record<AcmeCheck["verdict"], Tone> = {
  ready: "live",
  at_risk: "degraded",
  would_fail: "failing",
};

/** As many names as the API looks at in one call. */
const AT_ONCE = 20;

/** Names that no name of DNS can be like: what is half typed is not asked about. */
export function checkable(names: string[]): string[] {
  return names.filter((name) => name.includes("."));
}

/** Looks at names now, some at a time. What was found is where the kept reports are read. */
export function useChecking() {
  const client = useQueryClient();
  const [progress, setProgress] = useState<{ done: number; all: number } | null>(null);
  const checking = useMutation({
    mutationFn: async (names: string[]) => {
      const found: AcmeCheck[] = [];
      let late: ApiProblem | null = null;
      for (let at = 0; at < names.length; at += AT_ONCE) {
        setProgress({ done: at, all: names.length });
        try {
          const some = await body(
            api.POST("/api/v1/acme/checks", { body: { names: names.slice(at, at + AT_ONCE) } }),
          );
          found.push(...some);
          keep(client, some);
        } catch (problem) {
          // Some that take too long are no reason not to look at the others.
          if (!(problem instanceof ApiProblem && problem.status === 409)) throw problem;
          late = problem;
        }
      }
      if (late) throw late;
      return found;
    },
    onSettled: () => {
      setProgress(null);
      return Promise.all([
        client.invalidateQueries({ queryKey: queries.acmeChecks().queryKey }),
        client.invalidateQueries({ queryKey: queries.health().queryKey }),
      ]);
    },
  });
  return { ...checking, progress };
}

function tally(found: AcmeCheck[]): Record<"failing" | "risky" | "fine", number> {
  const of = (verdict: AcmeCheck["verdict"]) => found.filter((check) => check.verdict === verdict).length;
  return { failing: of("would_fail"), risky: of("at_risk"), fine: of("ready") };
}

/** Newer reports in the place of older ones; those of names that no host has are not kept. */
function keep(client: QueryClient, found: AcmeCheck[]) {
  const newer = new Map(found.map((each) => [each.name, each]));
  client.setQueryData(queries.acmeChecks().queryKey, (known) =>
    known?.map((each) => newer.get(each.name) ?? each),
  );
}

/** The button, how far it is, and why it came to nothing. */
export function CheckNow({
  names,
  label,
  about,
  end = false,
  children,
}: {
  names: string[];
  label: string;
  /** At the end of a line, with what it says before it. */
  end?: boolean;
  /** For assistive technology, where several buttons have the same label. */
  about?: string;
  /** What came of it, when it is not shown elsewhere. */
  children?: (found: AcmeCheck[]) => ReactNode;
}) {
  const { t } = useTranslation();
  const checking = useChecking();
  // A result stands only as long as the names that it is about.
  const same = checking.variables?.join(" ") === names.join(" ");
  const { progress } = checking;
  return (
    <div className="flex flex-col gap-3">
      <div className={cx("flex flex-wrap items-center gap-x-4 gap-y-2", end && "sm:flex-row-reverse")}>
        <Button
          size="sm"
          busy={checking.isPending}
          disabled={names.length === 0}
          aria-label={about}
          onClick={() => checking.mutate(names)}
        >
          {label}
        </Button>
        <div role="status" className="min-w-0 text-sm text-muted">
          {progress
            ? progress.all > AT_ONCE
              ? t("certificates.check.busySome", progress)
              : t("certificates.check.busy")
            : same && checking.isSuccess
              ? t("certificates.check.done", tally(checking.data))
              : null}
        </div>
      </div>
      {checking.error && same ? <Notice tone="failing">{problemText(t, checking.error)}</Notice> : null}
      {children && same && checking.isSuccess ? children(checking.data) : null}
    </div>
  );
}

/** The reports about names that nobody keeps. */
export function CheckReports({ found }: { found: AcmeCheck[] }) {
  return (
    <ul className="divide-y divide-line rounded-md border border-line">
      {found.map((check) => (
        <li key={check.name} className="p-3">
          <CheckReport check={check} />
        </li>
      ))}
    </ul>
  );
}

/** The report about one name. */
export function CheckReport({
  check,
  named = true,
  next = false,
  host,
  action,
}: {
  check: AcmeCheck;
  /** Whether the name stands above it. */
  named?: boolean;
  /** Beside the certificate that there is: that this is about the next one has to be said. */
  next?: boolean;
  /** The public id of the host that wants it. */
  host?: string;
  action?: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          {named ? (
            <p className="font-medium wrap-anywhere">
              {host ? <TextLink to={`/proxy-hosts/${host}`}>{check.name}</TextLink> : check.name}
            </p>
          ) : null}
          <p className="text-sm text-muted">
            <State tone={VERDICT_TONE[check.verdict]} wrap>
              <span>
                {t(`certificates.check.${next ? "next" : "verdict"}.${check.verdict}`)}
                <span className="text-muted">
                  {" · "}
                  {t("certificates.check.proof", { challenge: check.challenge.toUpperCase() })}
                  {" · "}
                  <Ago time={check.checked_at} />
                </span>
              </span>
            </State>
          </p>
        </div>
        {action}
      </div>
      {check.findings.length > 0 ? (
        <ul className="flex flex-col gap-2.5 text-sm">
          {check.findings.map((finding) => (
            <Finding key={finding.fault + finding.message} finding={finding} />
          ))}
        </ul>
      ) : null}
      {check.in_order.length > 0 ? (
        <details className="text-sm">
          <summary className="w-fit cursor-pointer rounded-sm py-0.5 text-muted hover:text-text">
            {t("certificates.check.inOrder", { count: check.in_order.length })}
          </summary>
          <ul className="mt-1 ml-4 list-disc text-muted">
            {check.in_order.map((each) => (
              <li key={each} className="wrap-anywhere">
                {sentence(each)}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </div>
  );
}

function Finding({ finding }: { finding: AcmeCheck["findings"][number] }) {
  const { t } = useTranslation();
  const place = placeOf(finding.fault);
  const Icon = finding.prevents ? CircleAlert : TriangleAlert;
  return (
    <li className="flex items-start gap-2">
      <Icon
        role="img"
        aria-label={t(finding.prevents ? "certificates.check.prevents" : "certificates.check.mayPrevent")}
        size={16}
        className={cx("mt-0.5 shrink-0", finding.prevents ? "text-failing" : "text-degraded")}
      />
      <div className="min-w-0 wrap-anywhere">
        <p>{sentence(finding.message)}</p>
        <p className="text-muted">
          {sentence(finding.remedy)}
          {place ? (
            <>
              {" "}
              <TextLink to={place.to}>{t(`certificates.check.place.${place.name}`)}</TextLink>
            </>
          ) : null}
        </p>
      </div>
    </li>
  );
}
