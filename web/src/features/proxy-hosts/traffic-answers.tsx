// Compression, security headers, CORS and pages of one's own.
import { ArrowUp, Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { TrafficRules } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, FieldError, Input, Select, Textarea } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Checkbox, Switch } from "@/ui/toggle";
import { ListField } from "./list-field";
import { Mode } from "./mode";
import { NumberField } from "./number-field";
import type { Place } from "./place";
import { RULES } from "./traffic-rules";

interface Props {
  place: Place<TrafficRules>;
}
const required = (value: number | null) => value ?? Number.NaN;
const ALGORITHMS = ["zstd", "brotli", "gzip"] as const;

export function Compression({ place }: Props) {
  const { t } = useTranslation();
  return (
    <Mode
      place={place}
      rule={RULES.compression}
      label={t("hostTraffic.compression.switch")}
      hint={t("hostTraffic.compression.hint")}
    >
      {(value, write) => {
        const chosen = value.algorithms;
        const left = ALGORITHMS.filter((each) => !chosen.includes(each));
        return (
          <>
            <fieldset>
              <legend className="mb-1.5 text-sm font-medium">
                {t("hostTraffic.compression.algorithms")}
              </legend>
              <ul className="flex max-w-72 flex-col">
                {[...chosen, ...left].map((each) => {
                  const at = chosen.indexOf(each);
                  return (
                    <li key={each} className="flex min-h-9 items-center justify-between gap-2">
                      <Checkbox
                        label={each}
                        visibleLabel
                        checked={at >= 0}
                        onChange={(on) => {
                          const next = on ? [...chosen, each] : chosen.filter((other) => other !== each);
                          // Without any it would be off, which the switch above says.
                          if (next.length > 0) write({ ...value, algorithms: next });
                        }}
                      />
                      {at > 0 ? (
                        <IconButton
                          label={t("hostTraffic.compression.first", { name: each })}
                          onClick={() =>
                            write({
                              ...value,
                              algorithms: [each, ...chosen.filter((other) => other !== each)],
                            })
                          }
                        >
                          <ArrowUp aria-hidden size={15} />
                        </IconButton>
                      ) : null}
                    </li>
                  );
                })}
              </ul>
              <p className="text-xs text-muted">{t("hostTraffic.compression.algorithmsHint")}</p>
            </fieldset>
            <div className="flex flex-wrap gap-3">
              <Field
                label={t("hostTraffic.compression.level")}
                error={place.error("compression.level")}
                className="min-w-40 flex-1"
              >
                {(wired) => (
                  <Select
                    {...wired}
                    value={value.level}
                    onChange={(event) => write({ ...value, level: event.target.value as typeof value.level })}
                  >
                    {(["fast", "balanced", "small"] as const).map((level) => (
                      <option key={level} value={level}>
                        {t(`hostTraffic.compression.levels.${level}`)}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
              <NumberField
                label={t("hostTraffic.compression.min")}
                value={value.min_length}
                error={place.error("compression.min_length")}
                onChange={(min_length) => write({ ...value, min_length: required(min_length) })}
              />
            </div>
            <ListField
              label={t("hostTraffic.compression.types")}
              hint={t("hostTraffic.compression.typesHint")}
              rows={5}
              value={value.types}
              error={place.errorIn("compression.types")}
              onChange={(types) => write({ ...value, types })}
            />
          </>
        );
      }}
    </Mode>
  );
}

export function SecurityHeaders({ place }: Props) {
  const { t } = useTranslation();
  return (
    <Mode
      place={place}
      rule={RULES.security_headers}
      label={t("hostTraffic.security.switch")}
      hint={t("hostTraffic.security.hint")}
    >
      {(value, write) => (
        <>
          <Field label={t("hostTraffic.security.preset")} error={place.error("security_headers.preset")}>
            {(wired) => (
              <Select
                {...wired}
                value={value.preset}
                onChange={(event) => write({ ...value, preset: event.target.value as typeof value.preset })}
              >
                {(["basic", "strict"] as const).map((preset) => (
                  <option key={preset} value={preset}>
                    {t(`hostTraffic.security.presets.${preset}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Switch
            label={t("hostTraffic.security.override")}
            hint={t("hostTraffic.security.overrideHint")}
            checked={value.override_origin}
            onChange={(override_origin) => write({ ...value, override_origin })}
          />
        </>
      )}
    </Mode>
  );
}

export function Cors({ place }: Props) {
  const { t } = useTranslation();
  return (
    <Mode
      place={place}
      rule={RULES.cors}
      label={t("hostTraffic.cors.switch")}
      hint={t("hostTraffic.cors.hint")}
    >
      {(value, write) => (
        <>
          <ListField
            label={t("hostTraffic.cors.origins")}
            hint={t("hostTraffic.cors.originsHint")}
            rows={3}
            placeholder="https://app.example.com"
            value={value.origins}
            error={place.errorIn("cors.origins")}
            // An empty list would be "off" under the fingers of who types.
            onChange={(origins) => write({ ...value, origins: origins.length > 0 ? origins : [""] })}
          />
          <div className="flex flex-wrap gap-3">
            <ListField
              label={t("hostTraffic.cors.methods")}
              placeholder="PUT, DELETE"
              value={value.methods}
              error={place.errorIn("cors.methods")}
              onChange={(methods) => write({ ...value, methods })}
            />
            <ListField
              label={t("hostTraffic.cors.headers")}
              placeholder="X-Requested-With"
              value={value.headers}
              error={place.errorIn("cors.headers")}
              onChange={(headers) => write({ ...value, headers })}
            />
          </div>
          <div className="flex flex-wrap gap-3">
            <ListField
              label={t("hostTraffic.cors.expose")}
              placeholder="X-Total-Count"
              value={value.expose}
              error={place.errorIn("cors.expose")}
              onChange={(expose) => write({ ...value, expose })}
            />
            <NumberField
              label={t("hostTraffic.cors.maxAge")}
              value={value.max_age}
              error={place.error("cors.max_age")}
              onChange={(max_age) => write({ ...value, max_age: required(max_age) })}
            />
          </div>
          <Switch
            label={t("hostTraffic.cors.credentials")}
            hint={t("hostTraffic.cors.credentialsHint")}
            checked={value.credentials}
            onChange={(credentials) => write({ ...value, credentials })}
          />
          {place.error("cors.credentials") ? (
            <FieldError message={place.error("cors.credentials") ?? ""} />
          ) : null}
        </>
      )}
    </Mode>
  );
}

export function ErrorPages({ place }: Props) {
  const { t } = useTranslation();
  return (
    <Mode
      place={place}
      rule={RULES.error_pages}
      label={t("hostTraffic.pages.switch")}
      hint={t("hostTraffic.pages.hint")}
    >
      {(value, write) => {
        const change = (at: number, part: Partial<(typeof value.pages)[number]>) =>
          write({
            ...value,
            pages: value.pages.map((each, index) => (index === at ? { ...each, ...part } : each)),
          });
        return (
          <>
            {value.pages.map((page, at) => (
              <div
                key={at}
                role="group"
                aria-label={t("hostTraffic.pages.one", { number: at + 1 })}
                className="flex flex-col gap-3 rounded-md border border-line p-3"
              >
                <div className="flex items-start gap-2">
                  <Field
                    label={t("hostTraffic.pages.statuses")}
                    hint={t("hostTraffic.pages.statusesHint")}
                    error={place.error(`error_pages.pages.${at}.statuses`)}
                    className="flex-1"
                  >
                    {(wired) => (
                      <Input
                        {...wired}
                        value={page.statuses}
                        placeholder="404, 500-599"
                        onChange={(event) => change(at, { statuses: event.target.value })}
                      />
                    )}
                  </Field>
                  <IconButton
                    label={t("hostTraffic.pages.remove", { number: at + 1 })}
                    onClick={() => write({ ...value, pages: value.pages.filter((_, index) => index !== at) })}
                    className="mt-6.5"
                  >
                    <Trash2 aria-hidden size={16} />
                  </IconButton>
                </div>
                <Field
                  label={t("hostTraffic.pages.html")}
                  hint={t("hostTraffic.pages.htmlHint")}
                  error={place.error(`error_pages.pages.${at}.html`)}
                >
                  {(wired) => (
                    <Textarea
                      {...wired}
                      rows={5}
                      spellCheck={false}
                      className="font-mono"
                      value={page.html}
                      placeholder="<h1>{status} {title}</h1>"
                      onChange={(event) => change(at, { html: event.target.value })}
                    />
                  )}
                </Field>
              </div>
            ))}
            <div>
              <Button
                size="sm"
                icon={<Plus aria-hidden size={15} />}
                onClick={() => write({ ...value, pages: [...value.pages, { statuses: "", html: "" }] })}
              >
                {t("hostTraffic.pages.add")}
              </Button>
            </div>
            <Switch
              label={t("hostTraffic.pages.replace")}
              hint={t("hostTraffic.pages.replaceHint")}
              checked={value.replace_origin}
              onChange={(replace_origin) => write({ ...value, replace_origin })}
            />
          </>
        );
      }}
    </Mode>
  );
}
