// What became of every row of an older database.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import type { MigrationReport } from "@/api/schema";
import { State } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Command, CopyButton } from "@/ui/copy";
import { count, dateTime } from "@/ui/format";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { SimpleTable } from "./simple-table";
import { rowsIn, unaccounted } from "./values";

export function MigrationReports() {
  const { t } = useTranslation();
  const reports = useQuery(queries.migrationReport());
  if (reports.error) return <LoadFailed error={reports.error} retry={() => void reports.refetch()} />;
  if (!reports.data) return <SkeletonRows />;
  if (reports.data.reports.length === 0)
    return (
      <Card>
        <Empty title={t("system.report.none")}>{t("system.report.noneText")}</Empty>
      </Card>
    );
  return reports.data.reports.map((report) => <Report key={report.created_at} report={report} />);
}

function Report({ report }: { report: MigrationReport }) {
  const { t } = useTranslation();
  const kinds: Record<string, string> = t("system.report.kinds", { returnObjects: true });
  const bad = unaccounted(report);
  const changed = report.tables.filter((table) => table.changes.length > 0);
  const aside = report.tables.filter((table) => table.set_aside_rows.length > 0);
  return (
    <Card
      title={t("system.report.kindAt", {
        kind: kinds[report.kind] ?? report.kind,
        time: dateTime(report.created_at),
      })}
      flush
    >
      <div className="flex flex-col gap-3 p-4">
        <State tone={bad.length === 0 ? "live" : "failing"}>
          <span className="whitespace-normal">
            {bad.length === 0
              ? t("system.report.sums", { rows: count(rowsIn(report)) })
              : t("system.report.sumsBad", { tables: bad.join(", ") })}
          </span>
        </State>
        {report.backup_path ? (
          <div>
            <p className="mb-1 text-sm text-muted">{t("system.report.backup")}</p>
            <Command text={report.backup_path} />
          </div>
        ) : null}
      </div>
      <div className="border-t border-line">
        <SimpleTable
          label={t("system.migration")}
          numeric={[1, 2, 3, 4]}
          head={[
            t("system.report.table"),
            t("system.report.rowsIn"),
            t("system.report.carried"),
            t("system.report.changed"),
            t("system.report.setAside"),
          ]}
          rows={report.tables.map((table) => ({
            key: table.table,
            cells: [
              <code key="n" className="font-mono text-sm">
                {table.table}
              </code>,
              count(table.rows_in),
              count(table.carried),
              count(table.changed),
              <span key="s" className={table.set_aside > 0 ? "text-degraded" : undefined}>
                {count(table.set_aside)}
              </span>,
            ],
          }))}
        />
      </div>
      <div className="flex flex-col gap-4 border-t border-line p-4 empty:hidden">
        {changed.length > 0 ? (
          <Part title={t("system.report.changes")}>
            {changed.flatMap((table) =>
              table.changes.map((change) => (
                <li key={table.table + change.what}>
                  <code className="font-mono text-sm">{table.table}</code>{" "}
                  <span className="text-muted">
                    {t("system.report.changeRows", { count: change.rows, what: change.what })}
                  </span>
                </li>
              )),
            )}
          </Part>
        ) : null}
        {aside.length > 0 ? (
          <Part title={t("system.report.aside")}>
            {aside.flatMap((table) =>
              table.set_aside_rows.map((row) => (
                <li key={table.table + row.key}>
                  <code className="font-mono text-sm">
                    {table.table} {row.key}
                  </code>{" "}
                  <span className="text-muted">{row.reason}</span>
                </li>
              )),
            )}
          </Part>
        ) : null}
        {report.repaired.length > 0 ? (
          <Part title={t("system.report.repaired")}>
            {report.repaired.map((each) => (
              <li key={each}>
                <code className="font-mono text-sm">{each}</code>
              </li>
            ))}
          </Part>
        ) : null}
        {report.extra_tables.length > 0 ? (
          <Part title={t("system.report.extra")}>
            {report.extra_tables.map((each) => (
              <li key={each}>
                <code className="font-mono text-sm">{each}</code>
              </li>
            ))}
          </Part>
        ) : null}
        {report.text ? (
          <details>
            <summary className="w-fit cursor-pointer rounded-sm py-1 text-muted hover:text-text">
              {t("system.report.text")}
            </summary>
            <div className="relative mt-2">
              <pre
                tabIndex={0}
                aria-label={t("system.report.text")}
                className="max-h-96 overflow-auto rounded-md border border-line bg-bg p-3 pr-12 font-mono text-xs"
              >
                {report.text}
              </pre>
              <div className="absolute top-1 right-1">
                <CopyButton text={report.text} />
              </div>
            </div>
          </details>
        ) : null}
      </div>
    </Card>
  );
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section>
      <h3 className="mb-1.5 font-medium">{title}</h3>
      <ul className="flex flex-col gap-1">{children}</ul>
    </section>
  );
}
