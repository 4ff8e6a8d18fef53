// A DNS provider: its kind, the form of that kind, and its zones.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import type { DnsCredential, DnsKind } from "@/api/schema";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Switch } from "@/ui/toggle";
import { draftOf, inputOf, isStored, type Draft } from "./dns-values";

type KindField = DnsKind["fields"][number];

/** `stored`: the one that is changed; without it a new one. */
export function DnsCredentialForm({
  stored,
  onClose,
}: {
  stored: DnsCredential | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const kinds = useQuery(queries.dnsKinds());
  const [draft, setDraft] = useState<Draft>(() => draftOf(stored));
  const kind = kinds.data?.find((each) => each.name === draft.kind);
  const change = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const saving = useMutation({
    mutationFn: (kind: DnsKind) => {
      const input = inputOf(draft, kind);
      return stored
        ? body(
            api.PUT("/api/v1/dns-credentials/{uuid}", {
              params: { path: { uuid: stored.uuid } },
              body: input,
            }),
          )
        : body(api.POST("/api/v1/dns-credentials", { body: input }));
    },
    onSuccess: (row) => {
      toast("live", t("dnsCredentials.saved", { name: row.name }));
      void client.invalidateQueries({ queryKey: queries.dnsCredentials().queryKey });
      onClose();
    },
  });
  const errors = saving.error instanceof ApiProblem ? saving.error.errors : [];
  const fault = (name: string) => errors.find((each) => each.field === name)?.message;
  const zoneFault = errors.find((each) => each.field.startsWith("zones"))?.message;
  const shown = new Set([
    "name",
    "kind",
    "wait_seconds",
    ...(kind?.fields.map((f) => `fields.${f.name}`) ?? []),
  ]);
  const unplaced = errors.some((each) => !shown.has(each.field) && !each.field.startsWith("zones"));
  return (
    <Dialog
      open
      side
      onClose={onClose}
      title={stored ? t("dnsCredentials.change", { name: stored.name }) : t("dnsCredentials.add")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          <Button
            look="primary"
            type="submit"
            form="dns-credential"
            busy={saving.isPending}
            disabled={!kind?.available}
          >
            {t("dnsCredentials.save")}
          </Button>
        </>
      }
    >
      {kinds.error && !kinds.data ? (
        <LoadFailed error={kinds.error} retry={() => void kinds.refetch()} />
      ) : null}
      {kinds.isPending ? <SkeletonRows rows={4} /> : null}
      {kinds.data ? (
        <form
          id="dns-credential"
          className="flex flex-col gap-4 pb-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (kind) saving.mutate(kind);
          }}
        >
          {saving.error && (errors.length === 0 || unplaced) ? (
            <Notice tone="failing">{problemText(t, saving.error)}</Notice>
          ) : null}
          <Field label={t("dnsCredentials.kind")} error={fault("kind")}>
            {(wired) => (
              <Select
                {...wired}
                value={draft.kind}
                onChange={(event) => change({ kind: event.target.value })}
              >
                {kinds.data.map((each) => (
                  <option key={each.name} value={each.name}>
                    {each.label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {kind?.note ? <p className="text-sm text-muted">{kind.note.replaceAll("`", "")}</p> : null}
          {kind && !kind.available ? (
            <Notice tone="degraded">{t("dnsCredentials.programsOff")}</Notice>
          ) : null}
          <Field label={t("dnsCredentials.name")} error={fault("name")}>
            {(wired) => (
              <Input
                {...wired}
                maxLength={100}
                value={draft.name}
                placeholder={kind?.label}
                onChange={(event) => change({ name: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("dnsCredentials.zones")} hint={t("dnsCredentials.zonesHint")} error={zoneFault}>
            {(wired) => (
              <Input
                {...wired}
                required
                value={draft.zones}
                placeholder="example.com"
                onChange={(event) => change({ zones: event.target.value })}
              />
            )}
          </Field>
          {kind?.fields.map((field) => (
            <KindInput
              key={`${kind.name} ${field.name}`}
              field={field}
              value={draft.fields[field.name] ?? ""}
              isStored={isStored(stored, kind.name, field.name)}
              error={fault(`fields.${field.name}`)}
              onChange={(value) => change({ fields: { ...draft.fields, [field.name]: value } })}
            />
          ))}
          <Switch
            label={t("dnsCredentials.everyName")}
            hint={t("dnsCredentials.everyNameHint")}
            checked={draft.everyName}
            onChange={(everyName) => change({ everyName })}
          />
          <Field
            label={t("dnsCredentials.wait")}
            hint={t("dnsCredentials.waitHint")}
            error={fault("wait_seconds")}
          >
            {(wired) => (
              <Input
                {...wired}
                type="number"
                min={10}
                max={1800}
                value={draft.wait}
                onChange={(event) => change({ wait: event.target.value })}
              />
            )}
          </Field>
        </form>
      ) : null}
    </Dialog>
  );
}

function KindInput({
  field,
  value,
  isStored,
  error,
  onChange,
}: {
  field: KindField;
  value: string;
  isStored: boolean;
  error: string | undefined;
  onChange: (value: string) => void;
}) {
  const { t } = useTranslation();
  return (
    <Field label={field.label} hint={field.help} error={error}>
      {(wired) =>
        field.type === "choice" ? (
          <Select
            {...wired}
            value={value || field.default}
            onChange={(event) => onChange(event.target.value)}
          >
            {field.choices.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </Select>
        ) : (
          <Input
            {...wired}
            type={field.type === "secret" ? "password" : field.type === "number" ? "number" : "text"}
            autoComplete={field.type === "secret" ? "new-password" : "off"}
            required={field.required && !isStored}
            min={field.least ?? undefined}
            max={field.most ?? undefined}
            value={value}
            placeholder={isStored ? t("dnsCredentials.stored") : field.default}
            onChange={(event) => onChange(event.target.value)}
          />
        )
      }
    </Field>
  );
}
