// What holds for the whole installation.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Controller, useForm, useFormState, useWatch, type UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import { useMay, useMe } from "@/api/session";
import type { Settings } from "@/api/schema";
import { State } from "@/ui/badge";
import { Card, Facts } from "@/ui/card";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { FormPage, useSave } from "@/ui/form-page";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Checkbox, Switch } from "@/ui/toggle";
import {
  LOG_FIELDS,
  POLICIES,
  UNKNOWN_NAMES,
  fieldOfKey,
  settingsSchema,
  toValues,
  toWrite,
  type SettingsValues,
} from "./values";

export default function SettingsPage() {
  const settings = useQuery({ ...queries.settings(), refetchOnWindowFocus: false });
  const mayEdit = useMay("admin");
  if (settings.error && !settings.data)
    return <LoadFailed error={settings.error} retry={() => void settings.refetch()} />;
  if (!settings.data) return <SkeletonRows rows={6} />;
  return mayEdit ? <SettingsForm settings={settings.data} /> : <ReadOnly settings={settings.data} />;
}

function ReadOnly({ settings }: { settings: Settings }) {
  const { t } = useTranslation();
  const me = useMe();
  const values = toValues(settings);
  return (
    <Page title={t("settings.title")} windowTitle={t("settings.title")}>
      <Notice>{t("ui.onlyAdmin", { role: me ? t(`role.${me.role}`) : "" })}</Notice>
      <Card>
        <Facts
          items={[
            { name: t("settings.appName"), value: values.app_name },
            { name: t("settings.defaultSite"), value: t(`settings.actions.${values.default_action}`) },
            {
              name: t("settings.proxies"),
              value: values.trusted_proxies.replaceAll("\n", ", ") || t("ui.none"),
            },
            {
              name: t("settings.allowedHostsShort"),
              value: values.allowed_hosts.replaceAll("\n", ", ") || t("ui.none"),
            },
            { name: t("settings.tlsPolicy"), value: t(`hostTls.policies.${values.tls_policy}`) },
            { name: t("settings.unknownName"), value: t(`settings.unknownNames.${values.tls_unknown_name}`) },
            { name: t("settings.logFiles"), value: values.log_files },
            { name: t("settings.logFormat"), value: t(`settings.formats.${values.log_format}`) },
            { name: t("settings.http_port"), value: values.http_port || t("settings.portUsual") },
            { name: t("settings.https_port"), value: values.https_port || t("settings.portUsual") },
            { name: t("settings.http3"), value: <Http3State on={values.http3} /> },
            { name: t("settings.http3Early"), value: t(values.http3_early_data ? "ui.yes" : "ui.no") },
            {
              name: t("settings.metricsOpenTo"),
              value: values.metrics_open_to.replaceAll("\n", ", ") || t("ui.none"),
            },
          ]}
        />
      </Card>
    </Page>
  );
}

function SettingsForm({ settings }: { settings: Settings }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const before = toValues(settings);
  const form = useForm<SettingsValues>({ resolver: zodResolver(settingsSchema), defaultValues: before });
  const saving = useSave({
    form,
    fieldOf: fieldOfKey,
    save: (values) => body(api.PUT("/api/v1/settings", { body: toWrite(values, before) })),
    onSaved: (saved) => {
      client.setQueryData(queries.settings().queryKey, saved);
      void refreshServed(client);
      toast("live", t("settings.saved"));
    },
  });
  const { errors } = useFormState({ control: form.control });
  const http3 = useWatch({ control: form.control, name: "http3" });
  const action = useWatch({ control: form.control, name: "default_action" });
  const text = (message: string | undefined) =>
    message?.startsWith("settings.") ? t(message as "settings.needUrl") : message;
  return (
    <FormPage
      title={t("settings.title")}
      description={t("settings.description")}
      form={form}
      saving={saving}
      saveLabel={t("settings.save")}
    >
      <Card title={t("settings.general")}>
        <Field
          label={t("settings.appName")}
          hint={t("settings.appNameHint")}
          error={text(errors.app_name?.message)}
        >
          {(wired) => <Input {...wired} {...form.register("app_name")} />}
        </Field>
      </Card>
      <Card title={t("settings.defaultSite")}>
        <div className="flex flex-col gap-4">
          <Field
            label={t("settings.action")}
            hint={t("settings.defaultSiteHint")}
            error={text(errors.default_action?.message)}
          >
            {(wired) => (
              <Select {...wired} {...form.register("default_action")}>
                {(["not_found", "redirect", "close"] as const).map((each) => (
                  <option key={each} value={each}>
                    {t(`settings.actions.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {action === "redirect" ? (
            <Field label={t("settings.redirectUrl")} error={text(errors.default_url?.message)}>
              {(wired) => (
                <Input
                  {...wired}
                  {...form.register("default_url")}
                  type="url"
                  placeholder="https://example.com"
                />
              )}
            </Field>
          ) : null}
        </div>
      </Card>
      <Card title={t("settings.tls")}>
        <div className="flex flex-col gap-4">
          <Field
            label={t("settings.tlsPolicy")}
            hint={t("settings.tlsPolicyHint")}
            error={text(errors.tls_policy?.message)}
          >
            {(wired) => (
              <Select {...wired} {...form.register("tls_policy")}>
                {POLICIES.map((each) => (
                  <option key={each} value={each}>
                    {t(`hostTls.policies.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label={t("settings.unknownName")}
            hint={t("settings.unknownNameHint")}
            error={text(errors.tls_unknown_name?.message)}
          >
            {(wired) => (
              <Select {...wired} {...form.register("tls_unknown_name")}>
                {UNKNOWN_NAMES.map((each) => (
                  <option key={each} value={each}>
                    {t(`settings.unknownNames.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
      </Card>
      <Card title={t("settings.proxies")}>
        <Field
          label={t("settings.proxiesLabel")}
          hint={t("settings.proxiesHint")}
          error={text(errors.trusted_proxies?.message)}
        >
          {(wired) => (
            <Textarea
              {...wired}
              {...form.register("trusted_proxies")}
              rows={3}
              spellCheck={false}
              className="font-mono"
            />
          )}
        </Field>
      </Card>
      <Card title={t("settings.access")}>
        <Field
          label={t("settings.allowedHosts")}
          hint={t("settings.allowedHostsHint")}
          error={text(errors.allowed_hosts?.message)}
        >
          {(wired) => (
            <Textarea
              {...wired}
              {...form.register("allowed_hosts")}
              rows={3}
              spellCheck={false}
              className="font-mono"
            />
          )}
        </Field>
      </Card>
      <Card title={t("settings.ports")}>
        <div className="flex flex-col gap-4">
          <div className="flex flex-wrap gap-3">
            {(["http_port", "https_port"] as const).map((name) => (
              <Field
                key={name}
                label={t(`settings.${name}`)}
                error={text(errors[name]?.message)}
                className="min-w-40 flex-1"
              >
                {(wired) => (
                  <Input
                    {...wired}
                    {...form.register(name)}
                    inputMode="numeric"
                    placeholder={t("settings.portUsual")}
                  />
                )}
              </Field>
            ))}
          </div>
          <p className="text-xs text-muted">{t("settings.portsHint")}</p>
          <Controller
            control={form.control}
            name="http3"
            render={({ field }) => (
              <Switch
                label={t("settings.http3")}
                hint={t("settings.http3Hint")}
                checked={field.value}
                onChange={field.onChange}
              />
            )}
          />
          <p className="text-sm">
            <Http3State on={before.http3} />
          </p>
          <Controller
            control={form.control}
            name="http3_early_data"
            render={({ field }) => (
              <Switch
                label={t("settings.http3Early")}
                hint={http3 ? t("settings.http3EarlyHint") : t("settings.http3EarlyIdle")}
                checked={field.value}
                onChange={field.onChange}
              />
            )}
          />
        </div>
      </Card>
      <Card title={t("settings.log")}>
        <LogFields form={form} text={text} />
      </Card>
      <Card title={t("settings.metrics")}>
        <Field
          label={t("settings.metricsOpenTo")}
          hint={t("settings.metricsHint")}
          error={text(errors.metrics_open_to?.message)}
        >
          {(wired) => (
            <Textarea
              {...wired}
              {...form.register("metrics_open_to")}
              rows={2}
              spellCheck={false}
              className="font-mono"
              placeholder="127.0.0.0/8"
            />
          )}
        </Field>
      </Card>
    </FormPage>
  );
}

/** What is true of HTTP/3 now, whatever the switch above says before it is saved. */
function Http3State({ on }: { on: boolean }) {
  const { t } = useTranslation();
  // While a person looks, also what comes a moment after saving is shown.
  const info = useQuery({ ...queries.info(), refetchInterval: on ? 2_000 : false });
  if (!on) return t("settings.http3Off");
  const listeners = info.data?.listeners.filter((each) => each.purpose === "http3") ?? [];
  if (listeners.length === 0) return t("settings.http3Pending");
  return listeners.map((each) => (
    <State key={each.address} tone={each.state === "listening" ? "live" : "failing"}>
      <span className="whitespace-normal">
        {each.state === "listening" ? t("settings.http3On", { address: each.address }) : each.state}
      </span>
    </State>
  ));
}

/** Form, fields and share of the lines of the access log. */
function LogFields({
  form,
  text,
}: {
  form: UseFormReturn<SettingsValues>;
  text: (message: string | undefined) => string | undefined;
}) {
  const { t } = useTranslation();
  const { errors } = useFormState({ control: form.control });
  const [format, chosen] = useWatch({ control: form.control, name: ["log_format", "log_fields"] });
  const choose = (fields: string[]) => form.setValue("log_fields", fields, { shouldDirty: true });
  return (
    <div className="flex flex-col gap-4">
      <Field
        label={t("settings.logFormat")}
        hint={t("settings.logFormatHint")}
        error={text(errors.log_format?.message)}
      >
        {(wired) => (
          <Select {...wired} {...form.register("log_format")}>
            {(["json", "combined"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`settings.formats.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {format === "json" ? (
        <>
          <Switch
            label={t("settings.allFields")}
            hint={t("settings.allFieldsHint")}
            checked={chosen.length === 0}
            onChange={(all) => choose(all ? [] : [...LOG_FIELDS])}
          />
          {chosen.length > 0 ? (
            <fieldset>
              <legend className="mb-2 text-sm font-medium">{t("settings.logFields")}</legend>
              <div className="grid grid-cols-[repeat(auto-fill,minmax(9rem,1fr))] gap-x-4 gap-y-2 font-mono text-sm">
                {LOG_FIELDS.map((name) => (
                  <Checkbox
                    key={name}
                    label={name}
                    visibleLabel
                    checked={chosen.includes(name)}
                    onChange={(on) => {
                      const next = LOG_FIELDS.filter((each) => (each === name ? on : chosen.includes(each)));
                      // None would mean all: the last one stays.
                      if (next.length > 0) choose(next);
                    }}
                  />
                ))}
              </div>
            </fieldset>
          ) : null}
        </>
      ) : null}
      <div className="flex flex-wrap gap-3">
        <Field
          label={t("settings.logSample")}
          hint={t("settings.logSampleHint")}
          error={text(errors.log_sample?.message)}
          className="min-w-40 flex-1"
        >
          {(wired) => <Input {...wired} {...form.register("log_sample")} inputMode="numeric" />}
        </Field>
        <Field
          label={t("settings.logFiles")}
          error={text(errors.log_files?.message)}
          className="min-w-40 flex-1"
        >
          {(wired) => <Input {...wired} {...form.register("log_files")} inputMode="numeric" />}
        </Field>
      </div>
    </div>
  );
}
