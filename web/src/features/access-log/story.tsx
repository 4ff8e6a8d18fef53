// One request told from the visitor to the target and back.
import { ArrowRight } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LogEntry } from "@/api/schema";
import { statusTone } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import { Facts } from "@/ui/card";
import { TONE_TEXT, cx } from "@/ui/classes";
import { CopyButton } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { bytes, clockMillis, date, milliseconds } from "@/ui/format";
import { Empty, Notice } from "@/ui/notice";

export function Story({
  open,
  entry,
  kept,
  onClose,
  onHost,
  onAddress,
}: {
  open: boolean;
  entry: LogEntry | undefined;
  kept: number;
  onClose: () => void;
  onHost: (host: string) => void;
  onAddress: (address: string) => void;
}) {
  const { t } = useTranslation();
  if (!entry)
    return (
      <Dialog side open={open} onClose={onClose} title={t("log.story.gone")}>
        <Empty title={t("log.story.gone")}>{t("log.story.goneText", { kept })}</Empty>
      </Dialog>
    );
  const tone = statusTone(entry.status);
  const own =
    entry.upstream_ms === null || entry.upstream_ms === undefined
      ? entry.duration_ms
      : Math.max(entry.duration_ms - entry.upstream_ms, 0);
  return (
    <Dialog
      side
      open={open}
      onClose={onClose}
      title={t("log.story.title", { method: entry.method, path: entry.path })}
      description={`${entry.host} · ${date(entry.time)}, ${clockMillis(entry.time)}`}
    >
      <div className="flex flex-col gap-5 pb-6">
        <div className="flex items-center gap-3">
          <span className={cx("text-2xl font-semibold", TONE_TEXT[tone])}>{entry.status}</span>
          <span className="text-muted">{t("log.story.took", { time: milliseconds(entry.duration_ms) })}</span>
        </div>
        <ol className="grid grid-cols-[1fr_auto_1fr_auto_1fr] items-stretch gap-2 max-sm:grid-cols-1">
          <Stop name={t("log.story.client")}>
            <button
              type="button"
              onClick={() => onAddress(entry.client_ip)}
              className="self-start text-left font-mono text-xs wrap-anywhere underline decoration-line-strong underline-offset-3"
            >
              {entry.client_ip}
            </button>
            <p className="text-xs text-muted">
              {entry.scheme}, {entry.protocol}
            </p>
          </Stop>
          <Arrow />
          <Stop name={t("log.story.charon")}>
            {entry.host_uuid && entry.host_name ? (
              <TextLink to={`/proxy-hosts/${entry.host_uuid}`} className="text-sm">
                {entry.host_name}
              </TextLink>
            ) : (
              <p className="text-sm text-muted">{t("log.story.unknownHost")}</p>
            )}
            <p className="text-xs text-muted">{t("log.story.own", { time: milliseconds(own) })}</p>
          </Stop>
          <Arrow />
          <Stop name={t("log.story.target")} faint={!entry.upstream}>
            {entry.upstream ? (
              <>
                <p className="font-mono text-xs wrap-anywhere">{entry.upstream}</p>
                <p className="text-xs text-muted">{milliseconds(entry.upstream_ms)}</p>
              </>
            ) : (
              <>
                <p className="text-sm">
                  {entry.fault === "upstream" ? t("log.story.noAnswer") : t("log.story.notAsked")}
                </p>
                <p className="text-xs text-muted">
                  {entry.fault === "upstream" ? t("log.story.noAnswerText") : t("log.story.notAskedText")}
                </p>
              </>
            )}
          </Stop>
        </ol>
        {entry.stop ? (
          <Notice tone={tone === "failing" ? "failing" : "degraded"}>
            {t("log.story.stopped", { phase: entry.stop.phase, reason: entry.stop.reason })}
          </Notice>
        ) : null}
        <Facts
          items={[
            { name: t("log.story.fault"), value: t(`log.story.faults.${entry.fault}`) },
            {
              name: t("log.host"),
              value: (
                <button
                  type="button"
                  onClick={() => onHost(entry.host)}
                  className="underline decoration-line-strong underline-offset-3"
                >
                  {entry.host}
                </button>
              ),
            },
            {
              name: t("log.story.query"),
              value: entry.query ? <code className="font-mono text-sm">{entry.query}</code> : t("ui.none"),
            },
            { name: t("log.story.received"), value: bytes(entry.bytes_in) },
            { name: t("log.story.sent"), value: bytes(entry.bytes_out) },
            { name: t("log.story.agent"), value: entry.user_agent || t("ui.none") },
            { name: t("log.story.referer"), value: entry.referer || t("ui.none") },
            {
              name: t("log.story.id"),
              value: (
                <span className="flex items-center gap-1">
                  <code className="font-mono text-sm wrap-anywhere">{entry.request_id}</code>
                  <CopyButton text={entry.request_id} />
                </span>
              ),
            },
          ]}
        />
      </div>
    </Dialog>
  );
}

function Stop({ name, faint = false, children }: { name: string; faint?: boolean; children: ReactNode }) {
  return (
    <li
      className={cx(
        "flex min-w-0 flex-col gap-1 rounded-md border p-3",
        faint ? "border-dashed border-line-strong" : "border-line bg-raised",
      )}
    >
      <p className="text-xs text-muted">{name}</p>
      {children}
    </li>
  );
}

function Arrow() {
  return (
    <li aria-hidden className="grid place-items-center text-muted max-sm:rotate-90">
      <ArrowRight size={16} />
    </li>
  );
}
