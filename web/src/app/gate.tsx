// Lets signed-in people through; sends the others to set-up or sign-in, and back afterwards.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Navigate, Outlet, useLocation } from "react-router";
import { queries } from "@/api/queries";
import { useLiveRetry, useLiveState } from "@/live/hooks";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { LoadFailed } from "@/ui/notice";
import { ProblemList } from "@/ui/problem-list";
import { sessionRenewed, useSessionEnded } from "./session-expiry";
import { Mark, Shell } from "./shell";

// Fetched soon after the start: when a session ends, the server may be another version already.
const loadSessionEnded = () => import("@/features/session/ended");
const SessionEnded = lazy(loadSessionEnded);

/** Before anybody can sign in: what is wrong with an installation that runs without its database. */
function NotReady({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useTranslation();
  const health = useQuery(queries.health());
  const problems = health.error ? [] : (health.data?.problems ?? []);
  if (problems.length === 0)
    return (
      <>
        <h1 className="sr-only">{t("shell.product")}</h1>
        <LoadFailed error={error} retry={retry} />
      </>
    );
  return (
    <>
      <header className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="text-xl font-semibold">{t("shell.notReady")}</h1>
          <p className="mt-1 text-muted">{t("shell.notReadyText")}</p>
        </div>
        <Button look="primary" onClick={retry}>
          {t("ui.tryAgain")}
        </Button>
      </header>
      <Card title={t("overview.attention")} flush>
        <ProblemList problems={problems} />
      </Card>
    </>
  );
}

export function Gate() {
  const client = useQueryClient();
  const location = useLocation();
  const status = useQuery(queries.authStatus());
  const signedIn = status.data?.authenticated === true;
  const setup = useQuery({ ...queries.setup(), enabled: status.data?.authenticated === false });
  const ended = useSessionEnded();
  const live = useLiveState();
  const reconnect = useLiveRetry();
  const dismissed = live.kind === "off" && live.reason === "session-ended";
  useEffect(() => {
    // The stream learns first that a session has ended; the next read then brings up the sign-in.
    if (dismissed) void client.invalidateQueries();
  }, [dismissed, client]);

  useEffect(() => {
    if (!signedIn) return;
    const soon = window.setTimeout(() => void loadSessionEnded(), 2_000);
    return () => window.clearTimeout(soon);
  }, [signedIn]);

  const failed = status.error ?? setup.error;
  if (!signedIn && failed) {
    return (
      <main className="mx-auto flex max-w-3xl flex-col gap-6 p-6 pt-24">
        <Mark size={34} />
        <NotReady
          error={failed}
          retry={() => {
            void status.refetch();
            void setup.refetch();
          }}
        />
      </main>
    );
  }
  if (!signedIn) {
    if (!setup.data) return null;
    if (setup.data.setupRequired) return <Navigate to="/setup" replace />;
    const wanted = location.pathname + location.search;
    return <Navigate to={wanted === "/" ? "/login" : `/login?next=${encodeURIComponent(wanted)}`} replace />;
  }
  return (
    <>
      <Shell>
        <Outlet />
      </Shell>
      {ended ? (
        <Suspense>
          <SessionEnded
            email={status.data?.user?.email ?? ""}
            onRenewed={() => {
              sessionRenewed();
              reconnect();
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}
