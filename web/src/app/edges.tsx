// The pages at the edges: no such page, a page that broke, a page for admins.
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

export function Broken() {
  const { t } = useTranslation();
  const error = useRouteError();
  const text = error instanceof Error ? error.message : String(error);
  // A chunk that is gone means that the binary was replaced while the page was open.
  const outdated = /dynamically imported module|Importing a module script failed|Unable to preload/i.test(
    text,
  );
  return (
    <main className="mx-auto flex max-w-2xl flex-col gap-4 p-6 pt-20">
      <h1 className="text-xl font-semibold">{t("shell.broken")}</h1>
      <p className="text-muted">{outdated ? t("shell.outdated") : t("shell.brokenText")}</p>
      {outdated ? null : <Command text={text} />}
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
        <Empty title={t("shell.forbidden")} action={<ButtonLink to="/">{t("shell.toOverview")}</ButtonLink>}>
          {t("shell.forbiddenText", { role: me ? t(`role.${me.role}`) : "" })}
        </Empty>
      </Card>
    </Page>
  );
}
