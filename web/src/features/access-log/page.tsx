// The access log as it is written.
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp, Pause, Play } from "lucide-react";
import { memo, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { queries } from "@/api/queries";
import type { LogEntry } from "@/api/schema";
import { useLive } from "@/live/hooks";
import { statusTone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { INPUT, TONE_SOFT, cx, type Tone } from "@/ui/classes";
import { useDialog } from "@/ui/dialog";
import { bytes, clockMillis, count, milliseconds } from "@/ui/format";
import { SearchBox } from "@/ui/list-page";
import { LiveBadge } from "@/ui/live-badge";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { useParam } from "@/ui/url-state";
import { EMPTY, KEPT, matchesText, resume, statusClass, take, type Buffer } from "./buffer";
import { Story } from "./story";

const ROW = 36;
const ROW_PHONE = 64;
const CLASSES: { name: "2xx" | "3xx" | "4xx" | "5xx"; tone: Tone }[] = [
  { name: "2xx", tone: "live" },
  { name: "3xx", tone: "info" },
  { name: "4xx", tone: "degraded" },
  { name: "5xx", tone: "failing" },
];

function isBatch(data: unknown): data is { entries: LogEntry[] } {
  return typeof data === "object" && data !== null && "entries" in data && Array.isArray(data.entries);
}

export default function AccessLogPage() {
  const { t } = useTranslation();
  const [, setParams] = useSearchParams();
  const [host, setHost] = useParam("host");
  const [chosenClass, setClass] = useParam("status");
  const [words, setWords] = useParam("q");
  const request = useDialog("request");
  const [buffer, setBuffer] = useState<Buffer>(EMPTY);
  const [paused, setPaused] = useState(false);
  const [dropped, setDropped] = useState(0);
  const hosts = useQuery(queries.hosts());
  const first = useQuery({ ...queries.accessLog(), refetchOnWindowFocus: false });

  useLive("log", (data) => {
    if (isBatch(data)) setBuffer((old) => take(old, data.entries, paused));
  });
  useLive("dropped", (data) => {
    if (typeof data === "object" && data !== null && "count" in data)
      setDropped((old) => old + Number(data.count));
  });
  const loaded = first.data;
  const [taken, setTaken] = useState<LogEntry[] | undefined>(undefined);
  if (loaded && loaded !== taken) {
    setTaken(loaded);
    setBuffer((old) => take(old, loaded, paused));
  }

  const deferredWords = useDeferredValue(words);
  const matching = useMemo(
    () =>
      buffer.entries.filter((entry) => matchesText(entry, { host, statusClass: "", words: deferredWords })),
    [buffer.entries, host, deferredWords],
  );
  const counts = useMemo(() => {
    const all: Record<string, number> = {};
    for (const entry of matching) {
      const name = statusClass(entry.status);
      all[name] = (all[name] ?? 0) + 1;
    }
    return all;
  }, [matching]);
  const shown = useMemo(
    () => (chosenClass ? matching.filter((entry) => statusClass(entry.status) === chosenClass) : matching),
    [matching, chosenClass],
  );
  const waiting = buffer.waiting.length;
  const goOn = () => {
    setBuffer(resume);
    setPaused(false);
  };
  const domains = [...new Set((hosts.data ?? []).flatMap((each) => each.domains))].sort();
  if (host && !domains.includes(host)) domains.unshift(host);
  const opened = [...buffer.waiting, ...buffer.entries].find((entry) => entry.request_id === request.value);

  return (
    <Page
      title={t("log.title")}
      windowTitle={t("log.title")}
      actions={
        <>
          <LiveBadge />
          {paused ? (
            <Button look="primary" icon={<Play aria-hidden size={15} />} onClick={goOn}>
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
      {dropped > 0 ? <Notice tone="degraded">{t("log.dropped", { count: dropped })}</Notice> : null}
      <div className="flex flex-col gap-3">
        <div className="flex flex-wrap gap-2">
          <SearchBox label={t("log.search")} value={words} onChange={setWords} />
          <select
            aria-label={t("log.host")}
            value={host}
            onChange={(event) => setHost(event.target.value)}
            className={cx(INPUT, "w-auto! max-w-60 pr-8", host && "border-accent")}
          >
            <option value="">{t("log.anyHost")}</option>
            {domains.map((domain) => (
              <option key={domain} value={domain}>
                {domain}
              </option>
            ))}
          </select>
          <div role="group" aria-label={t("log.status")} className="flex flex-wrap gap-1">
            {CLASSES.map((each) => (
              <button
                key={each.name}
                type="button"
                aria-pressed={chosenClass === each.name}
                onClick={() => setClass(chosenClass === each.name ? "" : each.name)}
                className={cx(
                  "inline-flex h-9 items-center gap-1.5 rounded-md border px-2.5 text-sm max-sm:h-11",
                  chosenClass === each.name ? "border-current" : "border-transparent",
                  TONE_SOFT[each.tone],
                )}
              >
                {each.name}
                <span>{count(counts[each.name] ?? 0)}</span>
              </button>
            ))}
          </div>
        </div>
        <Card flush>
          {first.error && buffer.entries.length === 0 ? (
            <div className="p-4">
              <LoadFailed error={first.error} retry={() => void first.refetch()} />
            </div>
          ) : null}
          {first.isPending && buffer.entries.length === 0 ? <SkeletonRows rows={10} /> : null}
          {shown.length > 0 ? (
            <Rows entries={shown} open={request.open} setHost={setHost} setWords={setWords} />
          ) : null}
          {loaded && buffer.entries.length === 0 ? (
            <Empty title={t("log.waiting")}>{t("log.waitingText")}</Empty>
          ) : null}
          {buffer.entries.length > 0 && shown.length === 0 ? (
            <Empty
              title={t("log.none")}
              action={<Button onClick={() => setParams({}, { replace: true })}>{t("log.clear")}</Button>}
            >
              {t("log.noneText", { count: buffer.entries.length })}
            </Empty>
          ) : null}
        </Card>
        <p className="text-sm text-muted">
          {t("log.kept", { shown: count(shown.length), kept: count(buffer.entries.length) })}
        </p>
      </div>
      <Story
        open={request.value !== null}
        entry={opened}
        kept={KEPT}
        onClose={request.close}
        onHost={(value) => setParams({ host: value })}
        onAddress={(value) => setParams({ q: value })}
      />
    </Page>
  );
}

const GRID =
  "md:grid md:grid-cols-[6.5rem_2.75rem_minmax(0,1fr)_minmax(0,11rem)_8rem_4.25rem_4rem] md:items-center md:gap-3 md:px-4";

function Rows({
  entries,
  open,
  setHost,
  setWords,
}: {
  entries: LogEntry[];
  open: (id: string) => void;
  setHost: (host: string) => void;
  setWords: (words: string) => void;
}) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const [phone, setPhone] = useState(() => window.matchMedia("(max-width: 767px)").matches);
  const [scrolled, setScrolled] = useState(false);
  useEffect(() => {
    const media = window.matchMedia("(max-width: 767px)");
    const onChange = () => setPhone(media.matches);
    media.addEventListener("change", onChange);
    return () => media.removeEventListener("change", onChange);
  }, []);
  const size = phone ? ROW_PHONE : ROW;
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => size,
    overscan: 12,
    getItemKey: (index) => entries[index]?.request_id ?? index,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, size]);

  // While someone reads further down, new rows above must not move what is read.
  const newest = entries[0]?.request_id;
  const anchor = useRef<string | undefined>(newest);
  useLayoutEffect(() => {
    const element = box.current;
    if (element && anchor.current !== newest && element.scrollTop > size) {
      const added = entries.findIndex((entry) => entry.request_id === anchor.current);
      if (added > 0) element.scrollTop += added * size;
    }
    anchor.current = newest;
  }, [entries, newest, size]);

  return (
    <div className="relative">
      <div aria-hidden className={cx(GRID, "hidden h-9 border-b border-line text-sm text-muted")}>
        <span>{t("log.time")}</span>
        <span>{t("log.status")}</span>
        <span>{t("log.path")}</span>
        <span>{t("log.host")}</span>
        <span>{t("log.address")}</span>
        <span className="text-right">{t("log.took")}</span>
        <span className="text-right">{t("log.size")}</span>
      </div>
      {scrolled ? (
        <Button
          size="sm"
          look="primary"
          icon={<ArrowUp aria-hidden size={14} />}
          className="absolute top-11 left-1/2 z-10 -translate-x-1/2 shadow-pop"
          onClick={() => box.current?.scrollTo({ top: 0 })}
        >
          {t("log.newest")}
        </Button>
      ) : null}
      <div
        ref={box}
        role="list"
        aria-label={t("log.rows")}
        tabIndex={0}
        onScroll={(event) => setScrolled(event.currentTarget.scrollTop > size * 2)}
        className="h-[calc(100dvh-19rem)] min-h-80 overflow-y-auto rounded-b-lg focus-visible:-outline-offset-2"
      >
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const entry = entries[item.index];
            return entry ? (
              <div
                role="listitem"
                key={item.key}
                aria-setsize={entries.length}
                aria-posinset={item.index + 1}
                className="absolute inset-x-0 top-0"
                style={{ height: size, transform: `translateY(${item.start}px)` }}
              >
                <Row entry={entry} open={open} setHost={setHost} setWords={setWords} />
              </div>
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}

const Row = memo(
  function Row({
    entry,
    open,
    setHost,
    setWords,
  }: {
    entry: LogEntry;
    open: (id: string) => void;
    setHost: (host: string) => void;
    setWords: (words: string) => void;
  }) {
    const { t } = useTranslation();
    const small = "truncate rounded-sm text-left hover:text-text hover:underline";
    return (
      <div
        className={cx(
          GRID,
          "relative h-full border-b border-line hover:bg-raised max-md:grid max-md:grid-cols-[2.5rem_minmax(0,1fr)_auto] max-md:content-center max-md:items-center max-md:gap-x-2 max-md:gap-y-1 max-md:px-4",
        )}
      >
        <time dateTime={entry.time} className="font-mono text-xs text-muted max-md:order-3">
          {clockMillis(entry.time)}
        </time>
        <span
          className={cx(
            "inline-flex h-5 w-10 items-center justify-center rounded-sm font-mono text-xs font-medium max-md:order-1",
            TONE_SOFT[statusTone(entry.status)],
          )}
        >
          {entry.status}
        </span>
        <button
          type="button"
          onClick={() => open(entry.request_id)}
          className="block max-w-full min-w-0 truncate rounded-sm text-left font-mono text-sm max-md:order-2 before:absolute before:inset-0 focus-visible:-outline-offset-2"
        >
          <span className="text-muted">{entry.method}</span> {entry.path}
          {entry.query ? <span className="text-faint">?{entry.query}</span> : null}
        </button>
        <span className="flex min-w-0 gap-3 text-sm text-muted max-md:order-4 max-md:col-span-3 md:contents">
          <button
            type="button"
            title={t("log.filterHost", { value: entry.host })}
            aria-label={t("log.filterHost", { value: entry.host })}
            onClick={() => setHost(entry.host)}
            className={cx(small, "relative z-1")}
          >
            {entry.host}
          </button>
          <button
            type="button"
            title={t("log.filterAddress", { value: entry.client_ip })}
            aria-label={t("log.filterAddress", { value: entry.client_ip })}
            onClick={() => setWords(entry.client_ip)}
            className={cx(small, "relative z-1 font-mono text-xs")}
          >
            {entry.client_ip}
          </button>
          <span className="ml-auto text-right text-sm whitespace-nowrap text-text">
            {milliseconds(entry.duration_ms)}
          </span>
          <span className="text-right text-sm whitespace-nowrap text-muted max-md:hidden">
            {bytes(entry.bytes_out)}
          </span>
        </span>
      </div>
    );
  },
  // The handlers change with every render but do the same.
  (before, after) => before.entry === after.entry,
);
