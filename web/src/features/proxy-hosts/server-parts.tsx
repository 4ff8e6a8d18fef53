// The folded parts of the servers: health checks, trouble, limits, connection.
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Certificate, Upstream } from "@/api/schema";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { Switch } from "@/ui/toggle";
import { NumberField } from "./number-field";
import type { Place } from "./place";
import { HEALTH } from "./server-rules";

interface Props {
  place: Place<Upstream>;
}
const required = (value: number | null) => value ?? Number.NaN;
const ROW = "flex flex-wrap gap-3";

export function HealthFields({ place }: Props) {
  const { t } = useTranslation();
  const { error } = place;
  const { health } = place.value;
  // What was typed comes back when the switch is turned on again.
  const [kept, setKept] = useState(health ?? HEALTH);
  const write = (part: Partial<typeof kept>) => {
    const next = { ...kept, ...health, ...part };
    setKept(next);
    place.change({ health: next });
  };
  const text = (name: "path" | "host" | "body", hint: string, placeholder?: string) => (
    <Field
      label={t(`hostServers.health.${name}`)}
      hint={hint}
      error={error(`health.${name}`)}
      className="min-w-48 flex-1"
    >
      {(wired) => (
        <Input
          {...wired}
          value={health?.[name] ?? ""}
          spellCheck={false}
          placeholder={placeholder}
          onChange={(event) => write({ [name]: event.target.value || null })}
        />
      )}
    </Field>
  );
  const number = (name: "interval_ms" | "timeout_ms" | "slow_start_ms" | "fall" | "rise", hint?: string) => (
    <NumberField
      label={t(`hostServers.health.${name}`)}
      {...(hint ? { hint } : {})}
      factor={name.endsWith("_ms") ? 1000 : 1}
      value={health?.[name]}
      error={error(`health.${name}`)}
      onChange={(value) => write({ [name]: required(value) })}
    />
  );
  return (
    <>
      <Switch
        label={t("hosts.form.health")}
        hint={t("hostServers.health.hint")}
        checked={health !== null}
        onChange={(on) => (on ? write({}) : place.change({ health: null }))}
      />
      {health ? (
        <>
          <div className={ROW}>
            {text("path", t("hosts.form.healthPathHint"), "/health")}
            <Field
              label={t("hosts.form.healthStatuses")}
              hint={t("hostServers.statusesHint")}
              error={error("health.statuses")}
              className="min-w-48 flex-1"
            >
              {(wired) => (
                <Input
                  {...wired}
                  value={health.statuses}
                  onChange={(event) => write({ statuses: event.target.value })}
                />
              )}
            </Field>
          </div>
          <div className={ROW}>
            {text("host", t("hostServers.health.hostHint"))}
            {text("body", t("hostServers.health.bodyHint"))}
          </div>
          <div className={ROW}>
            {number("interval_ms")}
            {number("timeout_ms")}
            {number("slow_start_ms", t("hostServers.health.slowHint"))}
          </div>
          <div className={ROW}>
            {number("fall")}
            {number("rise")}
          </div>
        </>
      ) : null}
    </>
  );
}

export function PassiveFields({ place }: Props) {
  const { t } = useTranslation();
  const { error } = place;
  const { passive, all_down: allDown } = place.value;
  const number = (name: "failures" | "window_ms" | "back_off_ms" | "max_back_off_ms", hint?: string) => (
    <NumberField
      label={t(`hostServers.passive.${name}`)}
      {...(hint ? { hint } : {})}
      factor={name.endsWith("_ms") ? 1000 : 1}
      value={passive[name]}
      error={error(`passive.${name}`)}
      onChange={(value) => place.change({ passive: { ...passive, [name]: required(value) } })}
    />
  );
  return (
    <>
      <p className="text-sm text-muted">{t("hostServers.passive.hint")}</p>
      <div className={ROW}>
        {number("failures", t("hostServers.passive.failuresHint"))}
        {number("window_ms")}
      </div>
      <div className={ROW}>
        {number("back_off_ms", t("hostServers.passive.backOffHint"))}
        {number("max_back_off_ms")}
      </div>
      <Field
        label={t("hostServers.passive.statuses")}
        hint={t("hostServers.passive.statusesHint")}
        error={error("passive.statuses")}
        className="max-w-80"
      >
        {(wired) => (
          <Input
            {...wired}
            value={passive.statuses}
            placeholder="502-504"
            onChange={(event) => place.change({ passive: { ...passive, statuses: event.target.value } })}
          />
        )}
      </Field>
      <Field label={t("hostServers.allDown.label")} error={error("all_down")}>
        {(wired) => (
          <Select
            {...wired}
            value={allDown}
            onChange={(event) => place.change({ all_down: event.target.value as typeof allDown })}
          >
            {(["try_all", "refuse"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`hostServers.allDown.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </>
  );
}

export function LimitFields({ place }: Props) {
  const { t } = useTranslation();
  const { error } = place;
  const { timeouts, limits } = place.value;
  const usual = { connect: "5", read: "60", write: "60", pause: "300" } as const;
  const time = (name: keyof typeof usual) => (
    <NumberField
      label={t(`hosts.form.${name}`)}
      factor={1000}
      placeholder={usual[name]}
      value={timeouts[`${name}_ms`]}
      error={error(`timeouts.${name}_ms`)}
      onChange={(value) => place.change({ timeouts: { ...timeouts, [`${name}_ms`]: value } })}
    />
  );
  return (
    <>
      <fieldset className="flex min-w-0 flex-col gap-3">
        <legend className="mb-2 text-sm font-medium">{t("hosts.form.timeouts")}</legend>
        <div className={ROW}>
          {time("connect")}
          {time("read")}
        </div>
        <div className={ROW}>
          {time("write")}
          {time("pause")}
        </div>
      </fieldset>
      <div className="max-w-72">
        <NumberField
          label={t("hosts.form.maxConnections")}
          placeholder={t("hosts.form.noLimit")}
          value={limits.max_connections}
          error={error("limits.max_connections")}
          onChange={(max_connections) => place.change({ limits: { ...limits, max_connections } })}
        />
      </div>
      <div className={ROW}>
        <NumberField
          label={t("hostServers.queue.size")}
          hint={t("hostServers.queue.hint")}
          value={limits.queue}
          error={error("limits.queue")}
          onChange={(queue) => place.change({ limits: { ...limits, queue: required(queue) } })}
        />
        <NumberField
          label={t("hostServers.queue.time")}
          factor={1000}
          value={limits.queue_timeout_ms}
          error={error("limits.queue_timeout_ms")}
          onChange={(value) => place.change({ limits: { ...limits, queue_timeout_ms: required(value) } })}
        />
      </div>
    </>
  );
}

export function ConnectionFields({
  place,
  https,
  verified,
  certificates,
}: Props & { https: boolean; verified: boolean; certificates: Certificate[] }) {
  const { t } = useTranslation();
  const { error } = place;
  const { protocol, send_proxy_protocol: hello, tls } = place.value;
  const known = certificates.some((each) => each.uuid === tls.client_certificate_uuid);
  return (
    <>
      <Field
        label={t("hostServers.protocol.label")}
        hint={t("hostServers.protocol.hint")}
        error={error("protocol")}
      >
        {(wired) => (
          <Select
            {...wired}
            value={protocol}
            onChange={(event) => place.change({ protocol: event.target.value as typeof protocol })}
          >
            {(["http1", "http2", "auto"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`hostServers.protocol.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field
        label={t("hosts.form.proxyProtocol")}
        hint={t("hostServers.helloHint")}
        error={error("send_proxy_protocol")}
      >
        {(wired) => (
          <Select
            {...wired}
            value={hello ?? ""}
            onChange={(event) =>
              place.change({ send_proxy_protocol: (event.target.value || null) as typeof hello })
            }
          >
            <option value="">{t("hosts.form.proxyOff")}</option>
            <option value="v1">{t("hostServers.hello.v1")}</option>
            <option value="v2">{t("hostServers.hello.v2")}</option>
          </Select>
        )}
      </Field>
      {https ? (
        <>
          <Field
            label={t("hosts.form.serverName")}
            hint={t("hosts.form.serverNameHint")}
            error={error("tls.server_name")}
          >
            {(wired) => (
              <Input
                {...wired}
                value={tls.server_name ?? ""}
                spellCheck={false}
                onChange={(event) =>
                  place.change({ tls: { ...tls, server_name: event.target.value || null } })
                }
              />
            )}
          </Field>
          <Field
            label={t("hosts.form.ca")}
            hint={verified ? t("hosts.form.caHint") : t("hostServers.caUnused")}
            error={error("tls.ca_pem")}
          >
            {(wired) => (
              <Textarea
                {...wired}
                rows={4}
                spellCheck={false}
                className="font-mono"
                placeholder="-----BEGIN CERTIFICATE-----"
                value={tls.ca_pem ?? ""}
                onChange={(event) => place.change({ tls: { ...tls, ca_pem: event.target.value || null } })}
              />
            )}
          </Field>
          <Field
            label={t("hostServers.clientCertificate")}
            hint={t("hostServers.clientCertificateHint")}
            error={error("tls.client_certificate_uuid")}
          >
            {(wired) => (
              <Select
                {...wired}
                value={tls.client_certificate_uuid ?? ""}
                onChange={(event) =>
                  place.change({ tls: { ...tls, client_certificate_uuid: event.target.value || null } })
                }
              >
                <option value="">{t("hostServers.noClientCertificate")}</option>
                {tls.client_certificate_uuid && !known ? (
                  <option value={tls.client_certificate_uuid}>{t("hosts.cert.missing")}</option>
                ) : null}
                {certificates.map((each) => (
                  <option key={each.uuid} value={each.uuid}>
                    {each.name}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </>
      ) : (
        <p className="text-sm text-muted">{t("hostServers.noTls")}</p>
      )}
    </>
  );
}
