// Maintenance, redirects, rewriting, bodies and request ids.
import { Plus, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { TrafficRules } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, FieldError, Input, Select, Textarea } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Switch } from "@/ui/toggle";
import { ListField } from "./list-field";
import { Mode } from "./mode";
import { NumberField } from "./number-field";
import type { Place } from "./place";
import { NEW_REDIRECT, NEW_REWRITE, RULES, type Redirect, type Rewrite } from "./traffic-rules";

interface Props {
  place: Place<TrafficRules>;
}
const required = (value: number | null) => value ?? Number.NaN;

export function Maintenance({ place }: Props) {
  const { t } = useTranslation();
  return (
    <Mode
      place={place}
      rule={RULES.maintenance}
      label={t("hostTraffic.maintenance.switch")}
      hint={t("hostTraffic.maintenance.hint")}
    >
      {(value, write) => (
        <>
          <Field
            label={t("hostTraffic.maintenance.message")}
            hint={t("hostTraffic.maintenance.messageHint")}
            error={place.error("maintenance.message")}
          >
            {(wired) => (
              <Input
                {...wired}
                value={value.message}
                onChange={(event) => write({ ...value, message: event.target.value })}
              />
            )}
          </Field>
          <ListField
            label={t("hostTraffic.maintenance.bypass")}
            hint={t("hostTraffic.maintenance.bypassHint")}
            rows={2}
            placeholder="192.168.1.0/24"
            value={value.bypass}
            error={place.errorIn("maintenance.bypass")}
            onChange={(bypass) => write({ ...value, bypass })}
          />
          <div className="max-w-72">
            <NumberField
              label={t("hostTraffic.maintenance.retry")}
              hint={t("hostTraffic.maintenance.retryHint")}
              value={value.retry_after}
              error={place.error("maintenance.retry_after")}
              onChange={(retry_after) => write({ ...value, retry_after: required(retry_after) })}
            />
          </div>
          <Field
            label={t("hostTraffic.maintenance.html")}
            hint={t("hostTraffic.maintenance.htmlHint")}
            error={place.error("maintenance.html")}
          >
            {(wired) => (
              <Textarea
                {...wired}
                rows={4}
                spellCheck={false}
                className="font-mono"
                value={value.html ?? ""}
                onChange={(event) => write({ ...value, html: event.target.value || null })}
              />
            )}
          </Field>
        </>
      )}
    </Mode>
  );
}

/** The rules of a list under one another. On a host an empty list is none; a location can also do as its host. */
function Rules<One>({
  name,
  inherits,
  value,
  write,
  blank,
  error,
  row,
}: {
  name: "redirects" | "rewrite";
  inherits: boolean;
  value: One[] | null;
  write: (rules: One[] | null) => void;
  blank: One;
  error: (at: number) => string | undefined;
  row: (rule: One, at: number, change: (rule: One) => void) => ReactNode;
}) {
  const { t } = useTranslation();
  const rules = value ?? [];
  // What was there comes back when a location has its own rules again.
  const [kept, setKept] = useState(rules);
  const mode = value === null ? "host" : rules.length > 0 ? "own" : "off";
  const replace = (next: One[]) => write(next.length === 0 && !inherits ? null : next);
  const choose = (next: string) => {
    if (mode === "own") setKept(rules);
    if (next === "host") write(null);
    else write(next === "off" ? [] : kept.length > 0 ? kept : [blank]);
  };
  return (
    <>
      <p className="text-sm text-muted">{t(`hostTraffic.${name}.hint`)}</p>
      {inherits ? (
        <Field label={t(`hostTraffic.parts.${name}`)}>
          {(wired) => (
            <Select
              {...wired}
              value={mode}
              onChange={(event) => choose(event.target.value)}
              className="max-w-72"
            >
              {(["host", "off", "own"] as const).map((each) => (
                <option key={each} value={each}>
                  {t(`hostTraffic.modes.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : null}
      {rules.map((rule, at) => {
        const message = error(at);
        return (
          <div
            key={at}
            role="group"
            aria-label={t(`hostTraffic.${name}.one`, { number: at + 1 })}
            className="flex items-start gap-2 rounded-md border border-line p-3"
          >
            <div className="flex min-w-0 flex-1 flex-col gap-3">
              {row(rule, at, (next) => replace(rules.map((each, index) => (index === at ? next : each))))}
              {message ? <FieldError message={message} /> : null}
            </div>
            <IconButton
              label={t(`hostTraffic.${name}.remove`, { number: at + 1 })}
              onClick={() => replace(rules.filter((_, index) => index !== at))}
            >
              <Trash2 aria-hidden size={16} />
            </IconButton>
          </div>
        );
      })}
      {inherits && mode !== "own" ? null : (
        <div>
          <Button size="sm" icon={<Plus aria-hidden size={15} />} onClick={() => write([...rules, blank])}>
            {t(`hostTraffic.${name}.add`)}
          </Button>
        </div>
      )}
    </>
  );
}

const KINDS = ["exact", "prefix", "regex"] as const;
type Kind = (typeof KINDS)[number];

export function Redirects({ place }: Props) {
  const { t } = useTranslation();
  const row = (rule: Redirect, at: number, write: (rule: Redirect) => void) => {
    const found = KINDS.find((each) => each in rule.match) ?? "prefix";
    const text = (rule.match as Partial<Record<Kind, string>>)[found] ?? "";
    const match = (kind: Kind, value: string) =>
      write({
        ...rule,
        match: { [kind]: value } as Redirect["match"],
        keep_path: kind === "prefix" && rule.keep_path,
      });
    const field = `redirects.${at}`;
    return (
      <>
        <div className="flex flex-wrap gap-3">
          <Field label={t("hostTraffic.redirects.kind")} className="w-52 max-sm:w-full">
            {(wired) => (
              <Select {...wired} value={found} onChange={(event) => match(event.target.value as Kind, text)}>
                {KINDS.map((each) => (
                  <option key={each} value={each}>
                    {t(`hostTraffic.redirects.kinds.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label={t(found === "regex" ? "hostTraffic.redirects.pattern" : "hostTraffic.redirects.path")}
            error={place.errorIn(`${field}.match`)}
            className="flex-1 basis-48"
          >
            {(wired) => (
              <Input
                {...wired}
                value={text}
                spellCheck={false}
                className="font-mono"
                placeholder={found === "regex" ? "^/old/(.*)$" : "/old"}
                onChange={(event) => match(found, event.target.value)}
              />
            )}
          </Field>
        </div>
        <div className="flex flex-wrap gap-3">
          <Field
            label={t("hostTraffic.redirects.to")}
            hint={t(found === "regex" ? "hostTraffic.redirects.toRegexHint" : "hostTraffic.redirects.toHint")}
            error={place.error(`${field}.to`)}
            className="flex-1 basis-60"
          >
            {(wired) => (
              <Input
                {...wired}
                value={rule.to}
                spellCheck={false}
                className="font-mono"
                placeholder="https://example.com/new"
                onChange={(event) => write({ ...rule, to: event.target.value })}
              />
            )}
          </Field>
          <Field
            label={t("hostTraffic.redirects.status")}
            error={place.error(`${field}.status`)}
            className="w-56 max-sm:w-full"
          >
            {(wired) => (
              <Select
                {...wired}
                value={rule.status}
                onChange={(event) => write({ ...rule, status: Number(event.target.value) })}
              >
                {([301, 302, 303, 307, 308] as const).map((status) => (
                  <option key={status} value={status}>
                    {t(`hostTraffic.redirects.statuses.${status}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <div className="flex flex-wrap gap-x-6 gap-y-2">
          {found === "prefix" ? (
            <Switch
              label={t("hostTraffic.redirects.keepPath")}
              checked={rule.keep_path}
              onChange={(keep_path) => write({ ...rule, keep_path })}
            />
          ) : null}
          <Switch
            label={t("hostTraffic.redirects.keepQuery")}
            checked={rule.keep_query}
            onChange={(keep_query) => write({ ...rule, keep_query })}
          />
        </div>
        {place.error(`${field}.keep_path`) ? (
          <FieldError message={place.error(`${field}.keep_path`) ?? ""} />
        ) : null}
      </>
    );
  };
  return (
    <Rules
      name="redirects"
      inherits={place.inherits}
      value={place.value.redirects ?? null}
      write={(redirects) => place.change({ redirects })}
      blank={NEW_REDIRECT}
      error={(at) => place.error(`redirects.${at}`)}
      row={row}
    />
  );
}

const ACTIONS = ["strip_prefix", "add_prefix", "replace_path", "regex"] as const;

export function Rewriting({ place }: Props) {
  const { t } = useTranslation();
  const row = (step: Rewrite, at: number, write: (step: Rewrite) => void) => {
    const text = "prefix" in step ? step.prefix : "path" in step ? step.path : step.pattern;
    const made = (action: (typeof ACTIONS)[number], value: string): Rewrite => {
      if (action === "replace_path") return { action, path: value };
      if (action !== "regex") return { action, prefix: value };
      return { action, pattern: value, replacement: "replacement" in step ? step.replacement : "" };
    };
    const name = "prefix" in step ? "prefix" : "path" in step ? "path" : "pattern";
    return (
      <>
        <div className="flex flex-wrap gap-3">
          <Field
            label={t("hostTraffic.rewrite.action")}
            error={place.error(`rewrite.${at}.action`)}
            className="w-52 max-sm:w-full"
          >
            {(wired) => (
              <Select
                {...wired}
                value={step.action}
                onChange={(event) => write(made(event.target.value as (typeof ACTIONS)[number], text))}
              >
                {ACTIONS.map((each) => (
                  <option key={each} value={each}>
                    {t(`hostTraffic.rewrite.actions.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label={t(`hostTraffic.rewrite.${name}`)}
            error={place.error(`rewrite.${at}.${name}`)}
            className="flex-1 basis-48"
          >
            {(wired) => (
              <Input
                {...wired}
                value={text}
                spellCheck={false}
                className="font-mono"
                placeholder={step.action === "regex" ? "^/old/(.*)$" : "/api"}
                onChange={(event) => write(made(step.action, event.target.value))}
              />
            )}
          </Field>
        </div>
        {step.action === "regex" ? (
          <Field
            label={t("hostTraffic.rewrite.replacement")}
            hint={t("hostTraffic.rewrite.replacementHint")}
            error={place.error(`rewrite.${at}.replacement`)}
          >
            {(wired) => (
              <Input
                {...wired}
                value={step.replacement}
                spellCheck={false}
                className="font-mono"
                placeholder="/new/$1"
                onChange={(event) => write({ ...step, replacement: event.target.value })}
              />
            )}
          </Field>
        ) : null}
      </>
    );
  };
  return (
    <Rules
      name="rewrite"
      inherits={place.inherits}
      value={place.value.rewrite ?? null}
      write={(rewrite) => place.change({ rewrite })}
      blank={NEW_REWRITE}
      error={(at) => place.error(`rewrite.${at}`)}
      row={row}
    />
  );
}

export function Bodies({ place }: Props) {
  const { t } = useTranslation();
  const { value, change, error, inherits } = place;
  const placeholder = inherits ? t("hostTraffic.modes.host") : t("hosts.form.noLimit");
  return (
    <>
      <div className="flex flex-wrap gap-3">
        <NumberField
          label={t("hostTraffic.bodies.max")}
          hint={t("hostTraffic.bodies.maxHint")}
          factor={1_000_000}
          placeholder={placeholder}
          value={value.max_body}
          error={error("max_body")}
          onChange={(max_body) => change({ max_body })}
        />
        <NumberField
          label={t("hostTraffic.bodies.buffer")}
          hint={t("hostTraffic.bodies.bufferHint")}
          factor={1024}
          placeholder={inherits ? t("hostTraffic.modes.host") : t("hostTraffic.modes.off")}
          value={value.buffer_body}
          error={error("buffer_body")}
          onChange={(buffer_body) => change({ buffer_body })}
        />
      </div>
      {inherits ? <p className="text-xs text-muted">{t("hostTraffic.bodies.inherits")}</p> : null}
    </>
  );
}

export function RequestIds({ place }: Props) {
  const { t } = useTranslation();
  const fields = (
    value: NonNullable<TrafficRules["request_id"]>,
    write: (value: NonNullable<TrafficRules["request_id"]>) => void,
  ) => (
    <>
      <Field
        label={t("hostTraffic.ids.header")}
        hint={t("hostTraffic.ids.headerHint")}
        error={place.error("request_id.header")}
        className="max-w-80"
      >
        {(wired) => (
          <Input
            {...wired}
            value={value.header}
            spellCheck={false}
            onChange={(event) => write({ ...value, header: event.target.value })}
          />
        )}
      </Field>
      <Switch
        label={t("hostTraffic.ids.takeOver")}
        hint={t("hostTraffic.ids.takeOverHint")}
        checked={value.take_over}
        onChange={(take_over) => write({ ...value, take_over })}
      />
      <Switch
        label={t("hostTraffic.ids.answer")}
        checked={value.answer}
        onChange={(answer) => write({ ...value, answer })}
      />
    </>
  );
  const { fresh } = RULES.request_id;
  if (!place.inherits)
    return fields(place.value.request_id ?? fresh, (next) =>
      place.change({ request_id: JSON.stringify(next) === JSON.stringify(fresh) ? null : next }),
    );
  return (
    <>
      <Field label={t("hostTraffic.parts.request_id")}>
        {(wired) => (
          <Select
            {...wired}
            value={place.value.request_id ? "own" : "host"}
            onChange={(event) => place.change({ request_id: event.target.value === "own" ? fresh : null })}
            className="max-w-72"
          >
            <option value="host">{t("hostTraffic.modes.host")}</option>
            <option value="own">{t("hostTraffic.modes.own")}</option>
          </Select>
        )}
      </Field>
      {place.value.request_id
        ? fields(place.value.request_id, (request_id) => place.change({ request_id }))
        : null}
    </>
  );
}
