// How decisions are enforced: captcha, unknown types, old decisions, and the databases of countries and networks.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Enforcement } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { dateTime, sentence } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { toList } from "./values";

const UNKNOWN = ["ban", "captcha", "ignore"] as const;
const STALE = ["keep", "drop"] as const;

export function EnforcementCard() {
  const { t } = useTranslation();
  const shown = useQuery(queries.enforcement());
  if (shown.error && !shown.data)
    return <LoadFailed error={shown.error} retry={() => void shown.refetch()} />;
  return (
    <Card title={t("security.enforcement.title")}>
      {shown.data ? <Form shown={shown.data} /> : <SkeletonRows rows={4} />}
    </Card>
  );
}

function Form({ shown }: { shown: Enforcement }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const [unknown, setUnknown] = useState(shown.unknown_types);
  const [stale, setStale] = useState(shown.when_stale);
  const [grace, setGrace] = useState(String(shown.captcha_grace_minutes));
  const [files, setFiles] = useState(shown.geo_databases.join("\n"));
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.PUT("/api/v1/security/enforcement", {
          body: {
            unknown_types: unknown,
            when_stale: stale,
            captcha_grace_minutes: Number(grace),
            geo_databases: toList(files),
          },
        }),
      ),
    onSuccess: (stored) => {
      client.setQueryData(queries.enforcement().queryKey, stored);
      toast("live", t("security.enforcement.saved"));
    },
  });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      {saving.error ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
      {shown.decisions_dropped ? <Notice tone="failing">{t("security.enforcement.dropped")}</Notice> : null}
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label={t("security.enforcement.grace")} hint={t("security.enforcement.graceHint")}>
          {(wired) => (
            <Input
              {...wired}
              type="number"
              min={1}
              max={1440}
              required
              value={grace}
              readOnly={!mayEdit}
              onChange={(event) => setGrace(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("security.enforcement.unknown")} hint={t("security.enforcement.unknownHint")}>
          {(wired) => (
            <Select
              {...wired}
              value={unknown}
              disabled={!mayEdit}
              onChange={(event) => setUnknown(event.target.value as (typeof UNKNOWN)[number])}
            >
              {UNKNOWN.map((each) => (
                <option key={each} value={each}>
                  {t(`security.enforcement.unknownTypes.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("security.enforcement.stale")} hint={t("security.enforcement.staleHint")}>
          {(wired) => (
            <Select
              {...wired}
              value={stale}
              disabled={!mayEdit}
              onChange={(event) => setStale(event.target.value as (typeof STALE)[number])}
            >
              {STALE.map((each) => (
                <option key={each} value={each}>
                  {t(`security.enforcement.whenStale.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <Field label={t("security.enforcement.files")} hint={t("security.enforcement.filesHint")}>
        {(wired) => (
          <Textarea
            {...wired}
            rows={2}
            className="font-mono"
            placeholder="/var/lib/GeoIP/GeoLite2-Country.mmdb"
            value={files}
            readOnly={!mayEdit}
            onChange={(event) => setFiles(event.target.value)}
          />
        )}
      </Field>
      <Databases shown={shown} />
      {mayEdit ? (
        <div>
          <Button type="submit" busy={saving.isPending}>
            {t("security.enforcement.save")}
          </Button>
        </div>
      ) : null}
    </form>
  );
}

function Databases({ shown }: { shown: Enforcement }) {
  const { t } = useTranslation();
  const loaded = shown.geo_loaded_at ? (
    <State tone="live" wrap>
      {t("security.enforcement.loaded", {
        since: dateTime(shown.geo_loaded_at),
        what: [
          shown.knows_countries ? t("security.enforcement.countries") : "",
          shown.knows_systems ? t("security.enforcement.systems") : "",
        ]
          .filter(Boolean)
          .join(", "),
      })}
    </State>
  ) : null;
  if (shown.geo_error)
    return (
      <div className="flex flex-col gap-1">
        <State tone="failing" wrap>
          {sentence(shown.geo_error)}
        </State>
        {loaded}
      </div>
    );
  if (loaded) return loaded;
  return (
    <State tone="neutral" wrap>
      {t(shown.geo_databases.length > 0 ? "security.enforcement.loading" : "security.enforcement.notSet")}
    </State>
  );
}
