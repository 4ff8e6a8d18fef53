// What holds for the whole installation.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm, useFormState, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import { useMay, useMe } from "@/api/session";
import type { Settings } from "@/api/schema";
import { Card, Facts } from "@/ui/card";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { FormPage, useSave } from "@/ui/form-page";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { fieldOfKey, settingsSchema, toValues, toWrite, type SettingsValues } from "./values";

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
            { name: t("settings.logFiles"), value: values.log_files },
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
      <Card title={t("settings.log")}>
        <Field label={t("settings.logFiles")} error={text(errors.log_files?.message)} className="max-w-60">
          {(wired) => <Input {...wired} {...form.register("log_files")} inputMode="numeric" />}
        </Field>
      </Card>
    </FormPage>
  );
}
