// The pages at the edges: no such page, a page that broke, a page for admins.
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useRouteError } from "react-router";
import { useMay, useMe } from "@/api/session";
import type { ReactNode } from "react";
import type { Role } from "@/api/schema";
import { Button, ButtonLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { Empty } from "@/ui/notice";
import { Page } from "@/ui/page";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t("shell.notFound")} windowTitle={t("shell.notFound")}>
      <Card>
        <Empty
          title={t("shell.notFoundText")}
          action={<ButtonLink to="/">{t("shell.toOverview")}</ButtonLink>}
        />
      </Card>
    </Page>
  );
}

type Reach = "asking" | "there" | "gone";

/** Whether Charon answers, asked again every three seconds while it does not. */
function useReach(wanted: boolean): Reach {
  const [reach, setReach] = useState<Reach>("asking");
  useEffect(() => {
    if (!wanted || reach === "there") return;
    const ask = () =>
      void fetch("/api/v1/health")
        .then(() => setReach("there"))
        .catch(() => setReach("gone"));
    const timer = window.setTimeout(ask, reach === "asking" ? 0 : 3_000);
    const clock = window.setInterval(ask, 3_000);
    return () => {
      window.clearTimeout(timer);
      window.clearInterval(clock);
    };
  }, [wanted, reach]);
  return reach;
}

export function Broken() {
  const { t } = useTranslation();
  const error = useRouteError();
  const text = error instanceof Error ? error.message : String(error);
  // A part of the interface that did not come: Charon is down, or another version of it runs by now.
  const notLoaded = /dynamically imported module|Importing a module script failed|Unable to preload/i.test(
    text,
  );
  const reach = useReach(notLoaded);
  const wasGone = useRef(false);
  useEffect(() => {
    if (reach === "gone") wasGone.current = true;
    // It is back: the page that was wanted comes by itself.
    if (reach === "there" && wasGone.current) window.location.reload();
  }, [reach]);
  if (notLoaded && reach === "asking") return null;
  const gone = notLoaded && reach === "gone";
  const title = gone ? t("shell.gone") : notLoaded ? t("shell.outdated") : t("shell.broken");
  return (
    <main className="mx-auto flex max-w-2xl flex-col gap-4 p-6 pt-20">
      <h1 className="text-xl font-semibold">{title}</h1>
      <p role="status" className="text-muted">
        {gone ? t("shell.goneText") : notLoaded ? t("shell.outdatedText") : t("shell.brokenText")}
      </p>
      {notLoaded ? null : <Command text={text} />}
      <div>
        <Button look="primary" onClick={() => window.location.reload()}>
          {t("shell.reload")}
        </Button>
      </div>
    </main>
  );
}

/** Shows the page when the role suffices, and says why when it does not. */
export function Needs({ role, children }: { role: Role; children: ReactNode }) {
  const { t } = useTranslation();
  const me = useMe();
  if (useMay(role)) return children;
  return (
    <Page title={t("shell.forbidden")} windowTitle={t("shell.forbidden")}>
      <Card>
        <Empty
          title={t("shell.forbiddenText", { role: me ? t(`role.${me.role}`) : "" })}
          action={<ButtonLink to="/">{t("shell.toOverview")}</ButtonLink>}
        />
      </Card>
    </Page>
  );
}
