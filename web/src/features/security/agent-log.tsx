// The newest lines of the agent's log, by level.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { Card } from "@/ui/card";
import { cx, TONE_TEXT, type Tone } from "@/ui/classes";
import { clockTime } from "@/ui/format";
import { FilterSelect, SearchBox } from "@/ui/list-page";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { useParam } from "@/ui/url-state";

const LEVELS = ["error", "warning", "info"] as const;
const TONE: Record<string, Tone> = {
  fatal: "failing",
  panic: "failing",
  error: "failing",
  warning: "degraded",
};

export function AgentLog() {
  const { t } = useTranslation();
  const log = useQuery(queries.crowdsecLog());
  const [q, setQ] = useParam("q");
  const [level] = useParam("level");
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const lines = (log.data ?? []).filter(
    (line) =>
      (!level || line.level === level || (level === "error" && ["fatal", "panic"].includes(line.level))) &&
      words.every((word) => line.message.toLowerCase().includes(word)),
  );
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <SearchBox label={t("security.agentLog.search")} value={q} onChange={setQ} />
        <FilterSelect
          name="level"
          label={t("security.agentLog.anyLevel")}
          options={LEVELS.map((value) => ({ value, label: t(`security.agentLog.levels.${value}`) }))}
        />
      </div>
      <Card title={t("security.agentLog.title")} flush>
        {log.error && !log.data ? (
          <div className="p-4">
            <LoadFailed error={log.error} retry={() => void log.refetch()} />
          </div>
        ) : !log.data ? (
          <SkeletonRows rows={8} />
        ) : log.data.length === 0 ? (
          <Empty title={t("security.agentLog.emptyTitle")}>{t("security.agentLog.emptyText")}</Empty>
        ) : lines.length === 0 ? (
          <Empty title={t("ui.nothingFound")} />
        ) : (
          <div
            role="log"
            tabIndex={0}
            aria-label={t("security.agentLog.title")}
            className="max-h-[36rem] overflow-auto px-4 py-3 font-mono text-xs focus-visible:-outline-offset-2"
          >
            {lines.map((line, index) => (
              <p key={index} className="py-0.5 wrap-anywhere whitespace-pre-wrap">
                <span className="text-muted">{clockTime(line.time)}</span>{" "}
                <span className={cx(TONE_TEXT[TONE[line.level] ?? "neutral"])}>{line.level}</span>{" "}
                {line.message}
              </p>
            ))}
          </div>
        )}
      </Card>
    </>
  );
}
