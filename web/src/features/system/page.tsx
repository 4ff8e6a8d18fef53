// The installation itself: what runs, what was migrated, what is backed up.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { State } from "@/ui/badge";
import { buttonClass, TextLink } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import type { Tone } from "@/ui/classes";
import { bytes, date } from "@/ui/format";
import { LoadFailed } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { Tabs } from "@/ui/tabs";
import { Ago } from "@/ui/time";
import { Backups } from "./backups";
import { MigrationReports } from "./migration";
import { SimpleTable } from "./simple-table";

const PHASE_TONE: Record<string, Tone> = {
  starting: "neutral",
  running: "info",
  ok: "live",
  failing: "failing",
};

export default function SystemPage() {
  const { t } = useTranslation();
  const admin = useMay("admin");
  return (
    <Page
      title={t("system.title")}
      windowTitle={t("system.title")}
      actions={
        <a href="/api/v1/docs" target="_blank" rel="noreferrer" className={buttonClass()}>
          {t("system.apiDocs")}
        </a>
      }
    >
      <Tabs
        label={t("system.title")}
        tabs={[
          { id: "overview", title: t("system.overview"), content: () => <Overview /> },
          ...(admin
            ? [
                { id: "migration", title: t("system.migration"), content: () => <MigrationReports /> },
                { id: "backups", title: t("system.backups"), content: () => <Backups /> },
              ]
            : []),
        ]}
      />
    </Page>
  );
}

function Overview() {
  return (
    <>
      <About />
      <Listeners />
      <Tasks />
      <Tables />
    </>
  );
}

function About() {
  const { t } = useTranslation();
  const info = useQuery(queries.info());
  if (info.error && !info.data) return <LoadFailed error={info.error} retry={() => void info.refetch()} />;
  const data = info.data;
  const databases: Record<string, string> = t("system.databases", { returnObjects: true });
  return (
    <Card title={t("system.about")}>
      {data ? (
        <Facts
          items={[
            {
              name: t("system.version"),
              value: (
                <>
                  {data.version}
                  {data.git_commit === "unknown" || Number.isNaN(Date.parse(data.build_time)) ? null : (
                    <span className="ml-2 text-muted">
                      {t("system.commit", {
                        commit: data.git_commit.slice(0, 7),
                        date: date(data.build_time),
                      })}
                    </span>
                  )}
                </>
              ),
            },
            { name: t("system.started"), value: <Ago time={data.started_at} /> },
            { name: t("system.dataDir"), value: <code className="font-mono text-sm">{data.data_dir}</code> },
            {
              name: t("system.database"),
              value: t("system.databaseText", {
                kind: databases[data.database.kind] ?? data.database.kind,
                version: data.database.version,
                size: bytes(data.database.size_bytes),
              }),
            },
            { name: t("system.memory"), value: bytes(data.memory_bytes) },
            { name: t("system.threads"), value: String(data.worker_threads) },
            {
              name: t("system.revision"),
              value: data.revision ? (
                <TextLink to={`/revisions/${data.revision}`}>{data.revision}</TextLink>
              ) : (
                t("ui.none")
              ),
            },
          ]}
        />
      ) : (
        <SkeletonRows rows={5} />
      )}
    </Card>
  );
}

function Listeners() {
  const { t } = useTranslation();
  const info = useQuery(queries.info());
  const purposes: Record<string, string> = t("system.purposes", { returnObjects: true });
  if (!info.data) return null;
  return (
    <Card title={t("system.listeners")} flush>
      <SimpleTable
        label={t("system.listeners")}
        head={[t("system.purpose"), t("system.address"), t("system.state")]}
        rows={info.data.listeners.map((each) => ({
          key: each.purpose + each.address,
          cells: [
            purposes[each.purpose] ?? each.purpose,
            <code key="a" className="font-mono text-sm">
              {each.address}
            </code>,
            <State key="s" tone={each.state === "listening" ? "live" : "failing"}>
              <span className="whitespace-normal">
                {each.state === "listening" ? t("system.listening") : each.state}
              </span>
            </State>,
          ],
        }))}
      />
    </Card>
  );
}

function Tasks() {
  const { t } = useTranslation();
  const tasks = useQuery(queries.tasks());
  if (tasks.error && !tasks.data)
    return <LoadFailed error={tasks.error} retry={() => void tasks.refetch()} />;
  return (
    <Card title={t("system.tasks")} flush>
      {tasks.data ? (
        <SimpleTable
          label={t("system.tasks")}
          head={[t("system.task"), t("system.state"), t("system.message"), t("system.lastRun")]}
          rows={tasks.data.map((task) => ({
            key: task.name,
            cells: [
              task.name.charAt(0).toUpperCase() + task.name.slice(1),
              <State key="s" tone={PHASE_TONE[task.phase] ?? "neutral"}>
                {t(`system.phase.${task.phase}`)}
              </State>,
              <span key="m" className="text-muted wrap-anywhere">
                {task.message || "–"}
              </span>,
              task.last_run ? <Ago key="l" time={task.last_run} /> : t("ui.never"),
            ],
          }))}
        />
      ) : (
        <SkeletonRows rows={4} />
      )}
    </Card>
  );
}

function Tables() {
  const { t } = useTranslation();
  const health = useQuery(queries.health());
  if (!health.data) return null;
  const all = Object.entries(health.data.migrations);
  const missing = all.filter(([, there]) => !there).map(([name]) => name);
  return (
    <Card title={t("system.tables")}>
      {missing.length === 0 ? (
        <State tone="live">{t("system.tablesFine", { count: all.length })}</State>
      ) : (
        <State tone="failing">
          <span className="whitespace-normal">
            {t("system.tablesMissing", { names: missing.join(", ") })}
          </span>
        </State>
      )}
    </Card>
  );
}
