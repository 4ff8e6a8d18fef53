// The live log of security: refused requests, bans, and what CrowdSec does, as they happen.
import { useQuery } from "@tanstack/react-query";
import { Pause, Play } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { queries } from "@/api/queries";
import { Badge } from "@/ui/badge";
import { Button, TextLink } from "@/ui/button";
import { Card } from "@/ui/card";
import type { Tone } from "@/ui/classes";
import { clockMillis, count, dateTime, sentence } from "@/ui/format";
import { FilterSelect, SearchBox } from "@/ui/list-page";
import { LiveBadge } from "@/ui/live-badge";
import { Empty, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { useParam } from "@/ui/url-state";
import { useLive } from "@/live/hooks";
import { EMPTY, KINDS, isBatch, matches, resume, take, type Shown } from "./live-buffer";

/** Rows that are drawn; more are one button away. */
const DRAWN = 200;
const TONE: Record<Shown["kind"], Tone> = {
  block: "failing",
  ban: "degraded",
  unban: "live",
  state: "info",
  agent: "neutral",
  proof: "info",
};

export default function SecurityLogPage() {
  const { t } = useTranslation();
  const [, setParams] = useSearchParams();
  const [words, setWords] = useParam("q");
  const [kind] = useParam("kind");
  const [buffer, setBuffer] = useState(EMPTY);
  const [paused, setPaused] = useState(false);
  const [drawn, setDrawn] = useState(DRAWN);
  useLive("security", (data) => {
    if (isBatch(data)) setBuffer((old) => take(old, data, paused));
  });
  const deferred = useDeferredValue(words);
  const shown = useMemo(
    () => buffer.events.filter((event) => matches(event, { kind, words: deferred })),
    [buffer.events, kind, deferred],
  );
  const waiting = buffer.waiting.length;
  return (
    <Page
      title={t("security.live.title")}
      windowTitle={t("security.live.title")}
      back={{ to: "/security", label: t("security.title") }}
      actions={
        <>
          <LiveBadge />
          {paused ? (
            <Button
              look="primary"
              icon={<Play aria-hidden size={15} />}
              onClick={() => {
                setBuffer(resume);
                setPaused(false);
              }}
            >
              {t("log.resume")}
              {waiting > 0 ? <span>· {t("log.new", { count: waiting })}</span> : null}
            </Button>
          ) : (
            <Button icon={<Pause aria-hidden size={15} />} onClick={() => setPaused(true)}>
              {t("log.pause")}
            </Button>
          )}
        </>
      }
    >
      <AgentNotice />
      {buffer.restarted ? <Notice tone="degraded">{t("security.live.restarted")}</Notice> : null}
      {buffer.missed > 0 ? (
        <Notice tone="degraded">{t("security.live.missed", { count: buffer.missed })}</Notice>
      ) : null}
      <div className="flex flex-wrap gap-2">
        <SearchBox label={t("security.live.search")} value={words} onChange={setWords} />
        <FilterSelect
          name="kind"
          label={t("security.live.anyKind")}
          options={KINDS.map((value) => ({ value, label: t(`security.live.kinds.${value}`) }))}
        />
      </div>
      <Card flush>
        {shown.length > 0 ? (
          <ol aria-label={t("security.live.title")} className="divide-y divide-line">
            {shown.slice(0, drawn).map((event) => (
              <Row key={event.key} event={event} setWords={setWords} />
            ))}
          </ol>
        ) : buffer.events.length > 0 ? (
          <Empty
            title={t("ui.nothingFound")}
            action={<Button onClick={() => setParams({}, { replace: true })}>{t("ui.clearFilters")}</Button>}
          />
        ) : (
          <Empty title={t("security.live.emptyTitle")}>{t("security.live.emptyText")}</Empty>
        )}
      </Card>
      {shown.length > drawn ? (
        <Button className="self-center" onClick={() => setDrawn(drawn + DRAWN)}>
          {t("security.live.more", { count: shown.length - drawn })}
        </Button>
      ) : null}
      <p className="text-sm text-muted">
        {t("security.live.kept", { shown: count(shown.length), kept: count(buffer.events.length) })}
      </p>
    </Page>
  );
}

/** A channel that is live says nothing of an agent that does not run. */
function AgentNotice() {
  const { t } = useTranslation();
  const crowdsec = useQuery(queries.crowdsec()).data;
  if (!crowdsec || crowdsec.state === "running" || crowdsec.state === "unknown") return null;
  const wrong = crowdsec.enabled && crowdsec.state !== "starting";
  return (
    <Notice
      tone={wrong ? "failing" : "info"}
      title={t(wrong ? "security.live.agentFails" : "security.live.agentOff")}
      action={<TextLink to="/security/crowdsec">{t("security.crowdsec.title")}</TextLink>}
    >
      {sentence(crowdsec.message)}
    </Notice>
  );
}

function Row({ event, setWords }: { event: Shown; setWords: (words: string) => void }) {
  const { t } = useTranslation();
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-4 py-2">
      <time dateTime={event.time} title={dateTime(event.time)} className="font-mono text-xs text-muted">
        {clockMillis(event.time)}
      </time>
      <Badge tone={TONE[event.kind]}>{t(`security.live.kinds.${event.kind}`)}</Badge>
      {event.client ? (
        <button
          type="button"
          title={t("log.filterAddress", { value: event.client })}
          onClick={() => setWords(event.client)}
          className="rounded-sm font-mono text-sm wrap-anywhere hover:underline"
        >
          {event.client}
        </button>
      ) : null}
      <span className="min-w-0 flex-1 basis-64 wrap-anywhere">
        {event.reason || "–"}
        <span className="block text-xs text-muted">
          {[
            event.source === "manual" ? t("security.bans.by.manual") : event.source,
            event.host,
            event.request,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </span>
      {event.request_id ? (
        <TextLink to={`/log?request=${event.request_id}`} className="font-mono text-xs">
          {event.request_id}
        </TextLink>
      ) : null}
    </li>
  );
}
