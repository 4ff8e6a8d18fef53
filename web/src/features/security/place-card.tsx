// Where CrowdSec runs: here as a child of Charon, or on another machine whose API is asked.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { CrowdSec, External } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { dateTime, sentence } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Checkbox } from "@/ui/toggle";
import { entryOf, inputOf, type ExternalEntry } from "./external-values";

export function PlaceCard({ crowdsec }: { crowdsec: CrowdSec }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const [mode, setMode] = useState(crowdsec.mode);
  const external = useQuery(queries.crowdsecExternal());
  return (
    <Card title={t("security.place.title")}>
      <div className="flex flex-col gap-4">
        <Field label={t("security.place.where")} hint={t(`security.place.hint.${mode}`)}>
          {(wired) => (
            <Select
              {...wired}
              value={mode}
              disabled={!mayEdit}
              onChange={(event) => setMode(event.target.value as CrowdSec["mode"])}
            >
              <option value="local">{t("security.place.local")}</option>
              <option value="external">{t("security.place.external")}</option>
            </Select>
          )}
        </Field>
        {mode === "local" ? (
          <Local used={crowdsec.mode === "local"} />
        ) : external.error && !external.data ? (
          <LoadFailed error={external.error} retry={() => void external.refetch()} />
        ) : external.data ? (
          <Elsewhere stored={external.data} used={crowdsec.mode === "external"} />
        ) : (
          <SkeletonRows rows={4} />
        )}
      </div>
    </Card>
  );
}

/** Says which of both is used from now on. */
function useMode() {
  const { t } = useTranslation();
  const client = useQueryClient();
  return async (mode: CrowdSec["mode"]) => {
    const shown = await body(api.PUT("/api/v1/security/crowdsec", { body: { mode } }));
    client.setQueryData(queries.crowdsec().queryKey, shown);
    toast("live", t(shown.enabled ? `security.place.used.${mode}` : "security.place.usedOff"));
    void client.invalidateQueries({ queryKey: ["security"] });
  };
}

function Local({ used }: { used: boolean }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const choose = useMode();
  const saving = useMutation({ mutationFn: () => choose("local") });
  if (used || !mayEdit) return null;
  return (
    <>
      {saving.error ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
      <div>
        <Button look="primary" busy={saving.isPending} onClick={() => saving.mutate()}>
          {t("security.place.useLocal")}
        </Button>
      </div>
    </>
  );
}

function Elsewhere({ stored, used }: { stored: External; used: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const choose = useMode();
  const [entry, setEntry] = useState<ExternalEntry>(() => entryOf(stored));
  const change = (part: Partial<ExternalEntry>) => {
    setEntry({ ...entry, ...part });
    trying.reset();
  };
  const trying = useMutation({
    mutationFn: () => body(api.POST("/api/v1/security/crowdsec/external/test", { body: inputOf(entry) })),
  });
  const saving = useMutation({
    mutationFn: async () => {
      const now = await body(api.PUT("/api/v1/security/crowdsec/external", { body: inputOf(entry) }));
      client.setQueryData(queries.crowdsecExternal().queryKey, now);
      setEntry(entryOf(now));
      await choose("external");
    },
  });
  const failed = saving.error ?? trying.error;
  const errors = failed instanceof ApiProblem ? failed.errors : [];
  const errorOf = (field: string) => errors.find((each) => each.field === field)?.message;
  const placed = ["url", "api_key", "certificate", "private_key", "authorities", "machine", "password"];
  const unplaced = failed && !errors.some((each) => placed.includes(each.field));
  const tried = trying.data;
  const kept = (set: boolean) => (set ? t("security.place.kept") : "");
  const text = (name: keyof ExternalEntry) => ({
    value: String(entry[name]),
    readOnly: !mayEdit,
    onChange: (event: { target: { value: string } }) => change({ [name]: event.target.value }),
  });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        trying.reset();
        saving.mutate();
      }}
    >
      {unplaced ? <Notice tone="failing">{problemText(t, failed)}</Notice> : null}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("security.place.url")} hint={t("security.place.urlHint")} error={errorOf("url")}>
          {(wired) => (
            <Input
              {...wired}
              {...text("url")}
              required
              maxLength={500}
              placeholder="https://crowdsec.lan:8080"
            />
          )}
        </Field>
        <Field label={t("security.place.by")} hint={t(`security.place.byHint.${entry.by}`)}>
          {(wired) => (
            <Select
              {...wired}
              value={entry.by}
              disabled={!mayEdit}
              onChange={(event) => change({ by: event.target.value as ExternalEntry["by"] })}
            >
              <option value="key">{t("security.place.byKey")}</option>
              <option value="certificate">{t("security.place.byCertificate")}</option>
            </Select>
          )}
        </Field>
      </div>
      {entry.by === "key" ? (
        <Field
          label={t("security.place.key")}
          hint={kept(stored.api_key_set) || t("security.place.keyHint")}
          error={errorOf("api_key")}
        >
          {(wired) => (
            <Input {...wired} {...text("key")} type="password" autoComplete="off" maxLength={500} />
          )}
        </Field>
      ) : (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label={t("security.place.certificate")}
            hint={<Stored of={stored.certificate ? [stored.certificate] : []} />}
            error={errorOf("certificate")}
          >
            {(wired) => <Textarea {...wired} {...text("certificate")} rows={4} className="font-mono" />}
          </Field>
          <Field
            label={t("security.place.privateKey")}
            hint={kept(stored.certificate != null)}
            error={errorOf("private_key")}
          >
            {(wired) => <Textarea {...wired} {...text("privateKey")} rows={4} className="font-mono" />}
          </Field>
        </div>
      )}
      <Field
        label={t("security.place.authorities")}
        hint={
          stored.authorities.length > 0 ? (
            <Stored of={stored.authorities} />
          ) : (
            t("security.place.authoritiesHint")
          )
        }
        error={errorOf("authorities")}
      >
        {(wired) => <Textarea {...wired} {...text("authorities")} rows={3} className="font-mono" />}
      </Field>
      {stored.authorities.length > 0 && mayEdit ? (
        <Checkbox
          visibleLabel
          label={t("security.place.dropAuthorities")}
          checked={entry.dropAuthorities}
          onChange={(dropAuthorities) => change({ dropAuthorities })}
        />
      ) : null}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label={t("security.place.machine")}
          hint={t("security.place.machineHint")}
          error={errorOf("machine")}
        >
          {(wired) => <Input {...wired} {...text("machine")} autoComplete="off" maxLength={200} />}
        </Field>
        <Field
          label={t("security.place.password")}
          hint={kept(stored.password_set)}
          error={errorOf("password")}
        >
          {(wired) => (
            <Input {...wired} {...text("password")} type="password" autoComplete="off" maxLength={500} />
          )}
        </Field>
      </div>
      {tried ? (
        tried.works ? (
          <State tone="live" wrap>
            {sentence(tried.message)}
          </State>
        ) : (
          <Notice tone="failing" title={sentence(tried.message)}>
            {`${t("security.crowdsec.remedy")}: ${tried.remedy}`}
          </Notice>
        )
      ) : null}
      {mayEdit ? (
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" busy={saving.isPending} disabled={trying.isPending}>
            {t(used ? "security.place.save" : "security.place.saveAndUse")}
          </Button>
          <Button
            busy={trying.isPending}
            disabled={saving.isPending || entry.url.trim() === ""}
            onClick={() => {
              saving.reset();
              trying.mutate();
            }}
          >
            {t("security.place.try")}
          </Button>
        </div>
      ) : null}
    </form>
  );
}

/** What is stored of certificates. */
function Stored({ of }: { of: External["authorities"] }) {
  const { t } = useTranslation();
  if (of.length === 0) return <>{t("security.place.pem")}</>;
  const names = of.map((each) =>
    t("security.place.stored", { subject: each.subject, until: dateTime(each.expires_at) }),
  );
  return <>{`${t("security.place.kept")} ${names.join("; ")}`}</>;
}
