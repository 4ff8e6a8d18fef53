// Paths of a host with a target of their own, and what is different there.
import { Plus, Trash2 } from "lucide-react";
import { useFieldArray, useFormState, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { Certificate } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Section, Sections } from "@/ui/section";
import { Switch } from "@/ui/toggle";
import { useFieldText } from "./field-text";
import { ServersEditor } from "./form-servers";
import { TrafficEditor } from "./form-traffic";
import { HeadersEditor } from "./header-edits";
import { usePlace } from "./place";
import { describeAll } from "./server-rules";
import { TargetField, type FormHandle } from "./target-field";
import { PART_NAMES, isSet } from "./traffic-rules";
import { NO_TRAFFIC_RULES, ONE_SERVER, targetText } from "./values";

interface Props {
  form: FormHandle;
  certificates: Certificate[];
}

export function LocationsEditor({ form, certificates }: Props) {
  const { t } = useTranslation();
  const list = useFieldArray({ control: form.control, name: "locations" });
  return (
    <div className="flex flex-col gap-4">
      {list.fields.map((field, index) => (
        <LocationFields
          key={field.id}
          form={form}
          certificates={certificates}
          index={index}
          remove={() => list.remove(index)}
        />
      ))}
      <div>
        <Button
          icon={<Plus aria-hidden size={16} />}
          onClick={() =>
            list.append({
              path: "/",
              forward_scheme: "http",
              forward_host: "",
              forward_port: "",
              verify_upstream_tls: true,
              upstream: ONE_SERVER,
              traffic: NO_TRAFFIC_RULES,
              request_headers: null,
              response_headers: null,
            })
          }
        >
          {t("hosts.form.addLocation")}
        </Button>
      </div>
    </div>
  );
}

function LocationFields({
  form,
  certificates,
  index,
  remove,
}: Props & { index: number; remove: () => void }) {
  const { t } = useTranslation();
  const fieldText = useFieldText();
  const prefix = `locations.${index}.` as const;
  const { errors } = useFormState({ control: form.control });
  const values = useWatch({ control: form.control, name: `locations.${index}` });
  const [upstream, traffic] = [usePlace(form, prefix, "upstream"), usePlace(form, prefix, "traffic")];
  const request = usePlace(form, prefix, "request_headers");
  const response = usePlace(form, prefix, "response_headers");
  const own = PART_NAMES.filter((part) => isSet(part, traffic.value));
  const headers = (request.value?.length ?? 0) + (response.value?.length ?? 0);
  const ownHeaders = request.value !== null || response.value !== null;
  return (
    <div
      role="group"
      aria-label={t("hosts.form.locationOf", { path: values.path })}
      className="flex flex-col gap-3 rounded-md border border-line-strong p-3"
    >
      <div className="flex items-start gap-2">
        <Field
          label={t("hosts.form.path")}
          error={fieldText(errors.locations?.[index]?.path?.message)}
          className="flex-1"
        >
          {(wired) => (
            <Input
              {...wired}
              {...form.register(`locations.${index}.path`)}
              placeholder="/api"
              spellCheck={false}
            />
          )}
        </Field>
        <IconButton
          label={t("hosts.form.removeLocation", { path: values.path })}
          onClick={remove}
          className="mt-6.5"
        >
          <Trash2 aria-hidden size={16} />
        </IconButton>
      </div>
      <TargetField form={form} prefix={prefix} label={t("hosts.form.target")} />
      {values.forward_scheme === "https" ? (
        <Switch
          label={t("hosts.form.verifyUpstream")}
          checked={values.verify_upstream_tls}
          onChange={(checked) =>
            form.setValue(`locations.${index}.verify_upstream_tls`, checked, { shouldDirty: true })
          }
        />
      ) : null}
      <Sections>
        <Section
          title={t("hosts.form.servers")}
          summary={describeAll(t, upstream.value) ?? t("hosts.form.serversNone")}
          set={describeAll(t, upstream.value) !== null}
          failed={upstream.errorIn("") !== undefined}
        >
          {() => (
            <ServersEditor
              place={upstream}
              first={{
                scheme: values.forward_scheme,
                text: targetText(values),
                verified: values.verify_upstream_tls,
              }}
              certificates={certificates}
            />
          )}
        </Section>
        <Section
          title={t("hosts.form.trafficFold")}
          summary={
            own.length === 0
              ? t("hostTraffic.modes.host")
              : own.map((part) => t(`hostTraffic.parts.${part}`)).join(" · ")
          }
          set={own.length > 0}
          failed={traffic.errorIn("") !== undefined}
        >
          {() => <TrafficEditor place={traffic} />}
        </Section>
        <Section
          title={t("hosts.form.headers")}
          summary={
            ownHeaders ? t("hostServers.headerCount", { count: headers }) : t("hostTraffic.modes.host")
          }
          set={ownHeaders}
          failed={request.errorIn("") !== undefined || response.errorIn("") !== undefined}
        >
          {() => (
            <>
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
            </>
          )}
        </Section>
      </Sections>
    </div>
  );
}
