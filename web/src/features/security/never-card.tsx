// Who is never banned: each with a note, by whom, and until when.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { NeverBanned } from "@/api/schema";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Dialog, useDialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { dateTime } from "@/ui/format";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const HOURS = ["1", "24", "168", "720", "ever"] as const;

export function NeverCard() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const adding = useDialog("never");
  const entries = useQuery(queries.neverBanned());
  const ending = useMutation({
    mutationFn: (value: string) => body(api.POST("/api/v1/security/never-banned/end", { body: { value } })),
    onSuccess: (_, value) => {
      toast("live", t("security.never.ended", { value }));
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  if (entries.error && !entries.data)
    return <LoadFailed error={entries.error} retry={() => void entries.refetch()} />;
  return (
    <Card
      flush
      title={t("security.never.title")}
      aside={
        mayEdit ? (
          <Button size="sm" onClick={() => adding.open("open")}>
            {t("security.never.add")}
          </Button>
        ) : undefined
      }
    >
      <p className="px-4 py-3 text-sm text-muted">{t("security.never.text")}</p>
      {ending.error ? (
        <div className="px-4 pb-3">
          <Notice tone="failing">{problemText(t, ending.error)}</Notice>
        </div>
      ) : null}
      {entries.data ? null : <SkeletonRows rows={2} />}
      {entries.data?.length === 0 ? <Empty title={t("security.never.none")} /> : null}
      {entries.data && entries.data.length > 0 ? (
        <ul className="divide-y divide-line border-t border-line">
          {entries.data.map((entry) => (
            <Row
              key={entry.value}
              entry={entry}
              onEnd={mayEdit ? () => ending.mutate(entry.value) : undefined}
              busy={ending.isPending && ending.variables === entry.value}
            />
          ))}
        </ul>
      ) : null}
      {adding.value === null ? null : <Add onClose={adding.close} />}
    </Card>
  );
}

function Row({ entry, onEnd, busy }: { entry: NeverBanned; onEnd: (() => void) | undefined; busy: boolean }) {
  const { t } = useTranslation();
  const facts = [
    entry.by ? t("security.never.by", { by: entry.by }) : "",
    entry.since ? t("security.never.since", { since: dateTime(entry.since) }) : "",
    entry.expires_at
      ? t("security.never.until", { until: dateTime(entry.expires_at) })
      : t("security.never.ever"),
  ];
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5">
      <span className="min-w-44 font-mono text-sm wrap-anywhere">{entry.value}</span>
      <span className="min-w-0 flex-1 basis-52 wrap-anywhere">
        {entry.note || "–"}
        <span className="block text-xs text-muted">{facts.filter(Boolean).join(" · ")}</span>
      </span>
      {onEnd ? (
        <Button
          size="sm"
          onClick={onEnd}
          busy={busy}
          aria-label={`${t("security.never.end")}: ${entry.value}`}
        >
          {t("security.never.end")}
        </Button>
      ) : null}
    </li>
  );
}

function Add({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [value, setValue] = useState("");
  const [note, setNote] = useState("");
  const [hours, setHours] = useState<(typeof HOURS)[number]>("ever");
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/security/never-banned", {
          body: { value: value.trim(), note, hours: hours === "ever" ? null : Number(hours) },
        }),
      ),
    onSuccess: (entry) => {
      toast("live", t("security.never.added", { value: entry.value }));
      onClose();
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("security.never.addTitle")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          <Button look="primary" type="submit" form="add-never" busy={saving.isPending}>
            {t("security.never.add")}
          </Button>
        </>
      }
    >
      <form
        id="add-never"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          saving.mutate();
        }}
      >
        <Field
          label={t("security.never.value")}
          error={saving.error ? problemText(t, saving.error) : undefined}
        >
          {(wired) => (
            <Input
              {...wired}
              required
              autoFocus
              placeholder="192.168.0.0/16"
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("security.never.note")} hint={t("security.never.noteHint")}>
          {(wired) => (
            <Input
              {...wired}
              maxLength={200}
              value={note}
              onChange={(event) => setNote(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("security.bans.addHours")}>
          {(wired) => (
            <Select
              {...wired}
              value={hours}
              onChange={(event) => setHours(event.target.value as (typeof HOURS)[number])}
            >
              {HOURS.map((each) => (
                <option key={each} value={each}>
                  {t(`security.bans.hours.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}
