// CrowdSec's AppSec: where it is, what holds when it does not answer, and how it stands.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { AppSec } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import type { Tone } from "@/ui/classes";
import { Field, Input, Select } from "@/ui/field";
import { count, dateTime, sentence } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Checkbox, Switch } from "@/ui/toggle";

const TONE: Record<AppSec["state"], Tone> = {
  off: "neutral",
  not_asked: "neutral",
  judging: "live",
  failing: "failing",
};
const ON_FAILURE = ["pass", "refuse"] as const;
const ON_LARGE = ["head_only", "refuse"] as const;

export function AppSecCard() {
  const { t } = useTranslation();
  const shown = useQuery(queries.appsec());
  if (shown.error && !shown.data)
    return <LoadFailed error={shown.error} retry={() => void shown.refetch()} />;
  return (
    <>
      <Card title={t("security.appsec.title")}>
        {shown.data ? <Standing shown={shown.data} /> : <SkeletonRows rows={3} />}
      </Card>
      <Card title={t("security.appsec.settings")}>
        {shown.data ? <Form stored={shown.data} /> : <SkeletonRows rows={4} />}
      </Card>
    </>
  );
}

function Standing({ shown }: { shown: AppSec }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const saving = useMutation({
    mutationFn: (enabled: boolean) => body(api.PUT("/api/v1/security/appsec", { body: { enabled } })),
    onSuccess: (now) => {
      client.setQueryData(queries.appsec().queryKey, now);
      void client.invalidateQueries({ queryKey: ["security", "appsec"] });
      void client.invalidateQueries({ queryKey: ["health"] });
    },
  });
  const { counts } = shown;
  return (
    <div className="flex flex-col gap-4">
      {saving.error ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
      <p className="text-muted">{t("security.appsec.about")}</p>
      <Switch
        label={t("security.appsec.switch")}
        hint={t("security.appsec.switchHint")}
        checked={shown.enabled}
        disabled={!mayEdit || saving.isPending}
        onChange={(enabled) => saving.mutate(enabled)}
      />
      <State tone={TONE[shown.state]}>{t(`security.appsec.state.${shown.state}`)}</State>
      {shown.error ? (
        <Notice tone="failing" title={sentence(shown.error)}>
          {shown.failing_since ? `${t("security.crowdsec.since")} ${dateTime(shown.failing_since)}. ` : null}
          {t(`security.appsec.meanwhile.${shown.on_failure}`)} {t("security.appsec.remedy")}
        </Notice>
      ) : null}
      {shown.state === "off" ? null : (
        <Facts
          items={(
            ["allowed", "banned", "challenged", "without_body", "too_large", "failed", "skipped"] as const
          ).map((each) => ({ name: t(`security.appsec.counts.${each}`), value: count(counts[each]) }))}
        />
      )}
    </div>
  );
}

function Form({ stored }: { stored: AppSec }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const hosts = useQuery(queries.hosts());
  const [url, setUrl] = useState(stored.url);
  const [key, setKey] = useState("");
  const [limit, setLimit] = useState(String(stored.limit_ms));
  const [largest, setLargest] = useState(String(stored.largest_body));
  const [onFailure, setOnFailure] = useState(stored.on_failure);
  const [onLarge, setOnLarge] = useState(stored.on_large_body);
  const [exempt, setExempt] = useState(stored.exempt_hosts);
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.PUT("/api/v1/security/appsec", {
          body: {
            ...(url.trim() ? { url: url.trim() } : {}),
            ...(key.trim() ? { api_key: key.trim() } : {}),
            limit_ms: Number(limit),
            largest_body: Number(largest),
            on_failure: onFailure,
            on_large_body: onLarge,
            exempt_hosts: exempt,
          },
        }),
      ),
    onSuccess: (now) => {
      client.setQueryData(queries.appsec().queryKey, now);
      setKey("");
      toast("live", t("security.appsec.saved"));
    },
  });
  const errors = saving.error instanceof ApiProblem ? saving.error.errors : [];
  const errorOf = (field: string) => errors.find((each) => each.field === field)?.message;
  const number = (value: string, set: (value: string) => void) => ({
    type: "number",
    required: true,
    value,
    readOnly: !mayEdit,
    onChange: (event: { target: { value: string } }) => set(event.target.value),
  });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      {saving.error && !errorOf("url") && !errorOf("api_key") ? (
        <Notice tone="failing">{problemText(t, saving.error)}</Notice>
      ) : null}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("security.appsec.url")} hint={t("security.appsec.urlHint")} error={errorOf("url")}>
          {(wired) => (
            <Input
              {...wired}
              placeholder="http://127.0.0.1:7422"
              maxLength={500}
              value={url}
              readOnly={!mayEdit}
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <Field
          label={t("security.appsec.key")}
          hint={t(stored.api_key_set ? "security.place.kept" : "security.appsec.keyHint")}
          error={errorOf("api_key")}
        >
          {(wired) => (
            <Input
              {...wired}
              type="password"
              autoComplete="off"
              maxLength={500}
              value={key}
              readOnly={!mayEdit}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("security.appsec.limit")} hint={t("security.appsec.limitHint")}>
          {(wired) => <Input {...wired} {...number(limit, setLimit)} min={10} max={5000} />}
        </Field>
        <Field label={t("security.appsec.onFailure")} hint={t("security.appsec.onFailureHint")}>
          {(wired) => (
            <Select
              {...wired}
              value={onFailure}
              disabled={!mayEdit}
              onChange={(event) => setOnFailure(event.target.value as AppSec["on_failure"])}
            >
              {ON_FAILURE.map((each) => (
                <option key={each} value={each}>
                  {t(`security.appsec.failure.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("security.appsec.largest")} hint={t("security.appsec.largestHint")}>
          {(wired) => <Input {...wired} {...number(largest, setLargest)} min={0} max={1048576} />}
        </Field>
        <Field label={t("security.appsec.onLarge")} hint={t("security.appsec.onLargeHint")}>
          {(wired) => (
            <Select
              {...wired}
              value={onLarge}
              disabled={!mayEdit}
              onChange={(event) => setOnLarge(event.target.value as AppSec["on_large_body"])}
            >
              {ON_LARGE.map((each) => (
                <option key={each} value={each}>
                  {t(`security.appsec.large.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      {hosts.data && hosts.data.length > 0 ? (
        <details>
          <summary className="w-fit cursor-pointer rounded-sm py-1 text-sm font-medium hover:text-text">
            {t("security.appsec.exempt")}{" "}
            <span className="text-muted">{t("security.appsec.exemptCount", { count: exempt.length })}</span>
          </summary>
          <fieldset
            aria-label={t("security.appsec.exempt")}
            className="mt-2 grid max-h-80 gap-x-4 gap-y-2 overflow-y-auto sm:grid-cols-2 lg:grid-cols-3"
          >
            {hosts.data.map((host) =>
              mayEdit ? (
                <Checkbox
                  key={host.uuid}
                  visibleLabel
                  label={host.name || host.domains.join(", ")}
                  checked={exempt.includes(host.uuid)}
                  onChange={(out) =>
                    setExempt(out ? [...exempt, host.uuid] : exempt.filter((each) => each !== host.uuid))
                  }
                />
              ) : exempt.includes(host.uuid) ? (
                <p key={host.uuid}>{host.name || host.domains.join(", ")}</p>
              ) : null,
            )}
          </fieldset>
        </details>
      ) : null}
      {mayEdit ? (
        <div>
          <Button type="submit" busy={saving.isPending}>
            {t("security.appsec.save")}
          </Button>
        </div>
      ) : null}
    </form>
  );
}
