// The form of a host: three fields first, the rest folded with a line that tells its content.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm, useFormState, useWatch, type Control } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import type { Certificate, Host, HostWrite } from "@/api/schema";
import { Card } from "@/ui/card";
import { CheckNow, CheckReports, checkable } from "@/ui/certificate-check";
import { Field, Input, Select } from "@/ui/field";
import { Fold, FormPage, useSave } from "@/ui/form-page";
import { LoadFailed, Notice } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Switch } from "@/ui/toggle";
import { outcome } from "./actions";
import { LocationsEditor } from "./form-locations";
import { ServersEditor } from "./form-servers";
import { TlsEditor } from "./form-tls";
import { TrafficEditor } from "./form-traffic";
import { HeadersEditor } from "./header-edits";
import { usePlace } from "./place";
import { describeAll } from "./server-rules";
import { TargetField, type FormHandle } from "./target-field";
import { PART_NAMES, describe } from "./traffic-rules";
import { TestServers } from "./upstream-test";
import { hostSchema, type HostValues } from "./schema";
import { AUTOMATIC, EMPTY, hostName, splitList, targetText, toValues, toWrite } from "./values";
import { useFieldText } from "./field-text";

export default function HostFormPage() {
  const { uuid } = useParams();
  const [params] = useSearchParams();
  const source = uuid ?? params.get("from");
  const host = useQuery({
    ...queries.host(source ?? ""),
    enabled: source !== null,
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
  if (source && host.error && !host.data)
    return <LoadFailed error={host.error} retry={() => void host.refetch()} />;
  // A form must not start from an old copy: it waits for the fresh one.
  if (source && (!host.data || (host.isFetching && !host.isFetchedAfterMount)))
    return <SkeletonRows rows={8} />;
  return <HostForm key={source ?? "new"} source={host.data} editing={uuid !== undefined} />;
}

function HostForm({ source, editing }: { source: Host | undefined; editing: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const certificates = useQuery(queries.certificates());
  // A clone has everything but the domains, which only one host can have.
  const [defaults] = useState<HostValues>(() =>
    source ? (editing ? toValues(source) : { ...toValues(source), domain_names: "", name: "" }) : EMPTY,
  );
  const form = useForm<HostValues>({ resolver: zodResolver(hostSchema), defaultValues: defaults });
  const saving = useSave({
    form,
    save: (values) =>
      editing && source
        ? body(
            api.PUT("/api/v1/proxy-hosts/{uuid}", {
              params: { path: { uuid: source.uuid } },
              body: toWrite(values, defaults),
            }),
          )
        : body(api.POST("/api/v1/proxy-hosts", { body: toWrite(values, EMPTY) })),
    onSaved: (saved) => {
      client.setQueryData(queries.host(saved.uuid).queryKey, saved);
      void refreshServed(client);
      const { tone, text } = outcome(t, saved);
      toast(tone, `${hostName(saved)}: ${text}`);
      void navigate(`/proxy-hosts/${saved.uuid}`);
    },
  });
  const fieldText = useFieldText();
  const { errors } = useFormState({ control: form.control });
  const title =
    source && editing
      ? t("hosts.form.edit", { name: hostName(source) })
      : source
        ? t("hosts.form.clone", { name: hostName(source) })
        : t("hosts.form.new");
  const away = editing && source ? `/proxy-hosts/${source.uuid}` : "/proxy-hosts";
  return (
    <FormPage
      title={title}
      back={{ to: away, label: editing && source ? hostName(source) : t("hosts.title") }}
      form={form}
      saving={saving}
      saveLabel={t("hosts.form.save")}
      onCancel={() => void navigate(away)}
    >
      <Card>
        <div className="flex flex-col gap-4">
          <Field
            label={t("hosts.form.domains")}
            hint={t("hosts.form.domainsHint")}
            error={fieldText(errors.domain_names?.message)}
          >
            {(wired) => (
              <Input
                {...wired}
                {...form.register("domain_names")}
                autoFocus={!editing}
                autoComplete="off"
                autoCapitalize="off"
                spellCheck={false}
                placeholder="shop.example.com"
              />
            )}
          </Field>
          <TargetField
            form={form}
            prefix=""
            label={t("hosts.form.target")}
            hint={t("hosts.form.targetHint")}
          />
          <TargetTest form={form} />
        </div>
      </Card>
      <Groups form={form} certificates={certificates.data ?? []} source={source} />
    </FormPage>
  );
}

type Place = Pick<
  NonNullable<HostWrite["locations"]>[number],
  "forward_scheme" | "forward_host" | "forward_port" | "verify_upstream_tls" | "upstream"
>;
function placeOf({ forward_scheme, forward_host, forward_port, verify_upstream_tls, upstream }: Place) {
  return { forward_scheme, forward_host, forward_port, verify_upstream_tls, upstream };
}

/** Tries what is typed, not what is saved. */
function TargetTest({ form }: { form: FormHandle }) {
  const names = ["forward_scheme", "forward_host", "forward_port", "verify_upstream_tls"] as const;
  const watched = useWatch({ control: form.control, name: [...names, "upstream", "locations"] });
  const run = async () => {
    if (!(await form.trigger([...names, "upstream", "locations"], { shouldFocus: true }))) return null;
    const typed = toWrite(form.getValues(), EMPTY);
    // Only what says where requests go: a fault elsewhere in the form keeps nobody from trying.
    return body(
      api.POST("/api/v1/proxy-hosts/test-upstream", {
        body: {
          ...placeOf(typed),
          locations: typed.locations?.map((each) => ({ path: each.path, ...placeOf(each) })) ?? [],
          ...(typed.domain_names ? { domain_names: typed.domain_names } : {}),
        },
      }),
    );
  };
  return <TestServers of={JSON.stringify(watched)} run={run} />;
}

function Groups({
  form,
  certificates,
  source,
}: {
  form: FormHandle;
  certificates: Certificate[];
  source: Host | undefined;
}) {
  const { t } = useTranslation();
  const { errors } = useFormState({ control: form.control });
  const fieldText = useFieldText();
  const values = useWatch({ control: form.control as Control<HostValues> }) as HostValues;
  const own = certificates.find((each) => each.uuid === values.certificate_uuid);
  const isAutomatic = values.certificate_uuid === AUTOMATIC;
  const toggle = (
    name:
      "ssl_forced" | "http2_support" | "hsts_enabled" | "hsts_subdomains" | "enabled" | "verify_upstream_tls",
  ) => ({
    checked: values[name],
    onChange: (checked: boolean) => form.setValue(name, checked, { shouldDirty: true }),
  });
  const tags = splitList(values.tags);
  const [upstream, traffic] = [usePlace(form, "", "upstream"), usePlace(form, "", "traffic")];
  const tls = usePlace(form, "", "tls");
  const request = usePlace(form, "", "request_headers");
  const response = usePlace(form, "", "response_headers");
  const rules = PART_NAMES.filter((part) => describe(t, part, traffic.value) !== null).map((part) =>
    t(`hostTraffic.parts.${part}`),
  );
  return (
    <>
      <Fold
        title={t("hosts.form.routing")}
        failed={errors.locations !== undefined}
        summary={
          values.locations.length === 0
            ? t("hosts.form.routingNone")
            : t("hosts.form.routingSome", {
                count: values.locations.length,
                paths: values.locations.map((each) => each.path).join(", "),
              })
        }
      >
        <p className="text-sm text-muted">{t("hosts.form.routingHint")}</p>
        <LocationsEditor form={form} certificates={certificates} />
      </Fold>
      <Fold
        title={t("hosts.form.servers")}
        failed={upstream.errorIn("") !== undefined}
        summary={describeAll(t, upstream.value) ?? t("hosts.form.serversNone")}
      >
        <ServersEditor
          place={upstream}
          first={{
            scheme: values.forward_scheme,
            text: targetText(values),
            verified: values.verify_upstream_tls,
          }}
          certificates={certificates}
        />
      </Fold>
      <Fold
        title={t("hosts.form.trafficFold")}
        failed={traffic.errorIn("") !== undefined}
        summary={rules.length === 0 ? t("hostTraffic.none") : rules.join(" · ")}
      >
        <TrafficEditor place={traffic} />
      </Fold>
      <Fold
        title={t("hosts.form.tls")}
        failed={[
          errors.certificate_uuid,
          errors.ssl_forced,
          errors.hsts_enabled,
          errors.hsts_max_age,
          errors.hsts_subdomains,
          errors.tls,
        ].some((error) => error !== undefined)}
        summary={[
          own?.name ?? t(isAutomatic ? "hosts.form.certificateAcmeShort" : "hosts.form.certificateShort"),
          values.ssl_forced ? t("hosts.form.forced") : t("hosts.form.notForced"),
          values.hsts_enabled ? t("hosts.form.hstsOn") : t("hosts.form.hstsOff"),
          ...(values.http2_support ? [] : [t("hosts.form.h2Off")]),
          ...(values.tls.policy ? [t(`hostTls.policies.${values.tls.policy}`)] : []),
          ...(values.tls.client_certificates ? [t("hostTls.clients")] : []),
        ].join(" · ")}
      >
        <Field
          label={t("hosts.form.certificate")}
          hint={t("hosts.form.certificateHint")}
          error={fieldText(errors.certificate_uuid?.message)}
        >
          {(wired) => (
            // Controlled, since the certificates may come after the host: the browser would show the first one.
            <Select
              {...wired}
              value={values.certificate_uuid}
              onChange={(event) =>
                form.setValue("certificate_uuid", event.target.value, { shouldDirty: true })
              }
            >
              <option value="">{t("hosts.form.certificateAuto")}</option>
              <option value={AUTOMATIC}>{t("hosts.form.certificateAcme")}</option>
              {values.certificate_uuid && !isAutomatic && !own ? (
                <option value={values.certificate_uuid}>{t("hosts.cert.missing")}</option>
              ) : null}
              {certificates.map((each) => (
                <option key={each.uuid} value={each.uuid}>
                  {each.status === "valid"
                    ? each.name
                    : t("hosts.form.certificateBad", {
                        name: each.name,
                        status: t(`certificates.status.${each.status}`),
                      })}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {isAutomatic ? (
          <CheckNow names={checkable(splitList(values.domain_names))} label={t("certificates.check.try")}>
            {(found) => <CheckReports found={found} />}
          </CheckNow>
        ) : null}
        <Switch label={t("hosts.form.sslForced")} {...toggle("ssl_forced")} />
        <Switch label={t("hosts.form.http2")} {...toggle("http2_support")} />
        <Switch label={t("hosts.form.hsts")} hint={t("hosts.form.hstsHint")} {...toggle("hsts_enabled")} />
        {values.hsts_enabled ? (
          <div className="flex flex-col gap-4 border-l-2 border-line pl-4">
            <Switch label={t("hosts.form.hstsSub")} {...toggle("hsts_subdomains")} />
            <Field
              label={t("hosts.form.hstsAge")}
              error={fieldText(errors.hsts_max_age?.message)}
              className="max-w-60"
            >
              {(wired) => <Input {...wired} {...form.register("hsts_max_age")} inputMode="numeric" />}
            </Field>
            <Switch
              label={t("hostTls.preload")}
              hint={
                tls.error("hsts_preload") ? (
                  <span className="text-failing">{tls.error("hsts_preload")}</span>
                ) : (
                  t("hostTls.preloadHint")
                )
              }
              checked={values.tls.hsts_preload}
              onChange={(hsts_preload) => tls.change({ hsts_preload })}
            />
          </div>
        ) : null}
        <TlsEditor place={tls} />
        {values.forward_scheme === "https" ? (
          <Switch
            label={t("hosts.form.verifyUpstream")}
            hint={t("hosts.form.verifyUpstreamHint")}
            {...toggle("verify_upstream_tls")}
          />
        ) : null}
      </Fold>
      <Fold
        title={t("hosts.form.headers")}
        failed={errors.request_headers !== undefined || errors.response_headers !== undefined}
        summary={
          values.request_headers.length + values.response_headers.length === 0
            ? t("hosts.form.headersNone")
            : t("hosts.form.headersSome", {
                request: values.request_headers.length,
                response: values.response_headers.length,
              })
        }
      >
        <HeadersEditor
          place={request}
          title={t("hosts.form.requestHeaders")}
          hint={t("hostServers.requestHeadersHint")}
        />
        <HeadersEditor
          place={response}
          title={t("hosts.form.responseHeaders")}
          hint={t("hostServers.responseHeadersHint")}
        />
      </Fold>
      <Fold
        title={t("hosts.form.advanced")}
        failed={errors.name !== undefined || errors.tags !== undefined}
        summary={t("hosts.form.advancedSummary", {
          enabled: values.enabled ? t("hosts.form.enabled") : t("hosts.form.enabledOff"),
          tags: tags.length > 0 ? tags.join(", ") : t("hosts.form.noTags"),
        })}
      >
        <Switch label={t("hosts.form.enabled")} hint={t("hosts.form.enabledHint")} {...toggle("enabled")} />
        <Field
          label={t("hosts.form.name")}
          hint={t("hosts.form.nameHint")}
          error={fieldText(errors.name?.message)}
        >
          {(wired) => <Input {...wired} {...form.register("name")} />}
        </Field>
        <Field
          label={t("hosts.form.tags")}
          hint={t("hosts.form.tagsHint")}
          error={fieldText(errors.tags?.message)}
        >
          {(wired) => <Input {...wired} {...form.register("tags")} />}
        </Field>
        <p className="text-sm text-muted">{t("hosts.form.websocket")}</p>
        {source?.advanced_config ? (
          <Notice tone="degraded" title={t("hosts.form.carried")}>
            <p>{t("hosts.form.carriedText")}</p>
            <pre
              tabIndex={0}
              aria-label={t("hosts.form.carried")}
              className="mt-2 max-h-60 overflow-auto rounded-md border border-line bg-bg p-3 font-mono text-xs whitespace-pre-wrap"
            >
              {source.advanced_config}
            </pre>
          </Notice>
        ) : null}
      </Fold>
    </>
  );
}
