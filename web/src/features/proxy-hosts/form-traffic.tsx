// What is done to requests and answers of a host on their way.
import { get, useFormState, useWatch, type FieldError } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { TrafficRules } from "@/api/schema";
import { Field, Input, Select } from "@/ui/field";
import { Fold } from "@/ui/form-page";
import { Switch } from "@/ui/toggle";
import { useFieldText } from "./field-text";
import { NumberField } from "./number-field";
import type { FormHandle } from "./target-field";

const COMPRESSION_TYPES =
  "text/* application/javascript application/json application/ld+json application/manifest+json application/problem+json application/wasm application/xhtml+xml application/xml application/rss+xml application/atom+xml application/vnd.ms-fontobject font/otf font/ttf image/bmp image/svg+xml image/x-icon";
const KEPT = ["rewrite", "redirects", "cors", "error_pages", "buffer_body", "request_id"] as const;

export function TrafficFold({ form }: { form: FormHandle }) {
  const { t } = useTranslation();
  const fieldText = useFieldText();
  const { errors } = useFormState({ control: form.control });
  const traffic = useWatch({ control: form.control, name: "traffic" });
  const error = (path: string) => {
    const found: unknown = get(errors, `traffic.${path}`);
    return fieldText((found as FieldError | undefined)?.message);
  };
  const change = (part: Partial<TrafficRules>) => {
    form.clearErrors("traffic");
    form.setValue("traffic", { ...traffic, ...part }, { shouldDirty: true });
  };
  const { maintenance, compression, security_headers: security } = traffic;
  const compressed = (compression?.algorithms.length ?? 0) > 0;
  const kept = KEPT.filter((name) => traffic[name] !== null);
  const set = [
    ...(maintenance?.enabled ? [t("hosts.form.onMaintenance")] : []),
    ...(compressed ? [t("hosts.form.onCompression")] : []),
    ...(security && security.preset !== "off" ? [t("hosts.form.onSecurity")] : []),
    ...(traffic.max_body ? [t("hosts.form.onMaxBody")] : []),
    ...kept,
  ];
  return (
    <Fold
      title={t("hosts.form.trafficFold")}
      failed={errors.traffic !== undefined}
      summary={set.length === 0 ? t("hosts.form.trafficNone") : set.join(" · ")}
    >
      <Switch
        label={t("hosts.form.maintenanceSwitch")}
        hint={t("hosts.form.maintenanceHint")}
        checked={maintenance?.enabled ?? false}
        onChange={(enabled) =>
          change({
            maintenance: {
              message: "",
              retry_after: 300,
              html: null,
              bypass: [],
              ...maintenance,
              enabled,
            },
          })
        }
      />
      {maintenance?.enabled ? (
        <Field
          label={t("hosts.form.maintenanceMessage")}
          hint={t("hosts.form.maintenanceMessageHint")}
          error={error("maintenance.message")}
        >
          {(wired) => (
            <Input
              {...wired}
              value={maintenance.message}
              onChange={(event) => change({ maintenance: { ...maintenance, message: event.target.value } })}
            />
          )}
        </Field>
      ) : null}
      <Switch
        label={t("hosts.form.compressionSwitch")}
        hint={t("hosts.form.compressionHint")}
        checked={compressed}
        onChange={(on) =>
          change({
            compression: on
              ? {
                  algorithms: ["zstd", "brotli", "gzip"],
                  level: "balanced",
                  types: COMPRESSION_TYPES.split(" "),
                  min_length: 1024,
                }
              : null,
          })
        }
      />
      <Field label={t("hosts.form.securityPreset")} error={error("security_headers.preset")}>
        {(wired) => (
          <Select
            {...wired}
            value={security?.preset ?? "off"}
            onChange={(event) => {
              const preset = event.target.value as "off" | "basic" | "strict";
              change({
                security_headers: preset === "off" ? null : { override_origin: false, ...security, preset },
              });
            }}
          >
            {(["off", "basic", "strict"] as const).map((preset) => (
              <option key={preset} value={preset}>
                {t(`hosts.form.presets.${preset}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <NumberField
        label={t("hosts.form.maxBody")}
        factor={1_000_000}
        placeholder={t("hosts.form.noLimit")}
        value={traffic.max_body}
        error={error("max_body")}
        onChange={(max_body) => change({ max_body })}
      />
      {kept.length > 0 ? (
        <p className="text-sm text-muted">{t("hosts.form.otherTraffic", { names: kept.join(", ") })}</p>
      ) : null}
    </Fold>
  );
}
