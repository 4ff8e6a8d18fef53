// More servers behind a host, and how they are used.
import { Plus, Trash2 } from "lucide-react";
import { get, useFormState, useWatch, type FieldError } from "react-hook-form";
import { useTranslation } from "react-i18next";
import type { Upstream } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { Fold } from "@/ui/form-page";
import { IconButton } from "@/ui/icon-button";
import { Switch } from "@/ui/toggle";
import { useFieldText } from "./field-text";
import { NumberField } from "./number-field";
import type { FormHandle } from "./target-field";
import { ONE_SERVER } from "./values";

const BALANCES = ["round_robin", "least_connections", "ip_hash", "random_two"] as const;
const HEALTH: NonNullable<Upstream["health"]> = {
  path: "/",
  host: null,
  statuses: "200-399",
  body: null,
  interval_ms: 10_000,
  timeout_ms: 5_000,
  rise: 2,
  fall: 3,
  slow_start_ms: 0,
};

export function ServersFold({ form }: { form: FormHandle }) {
  const { t } = useTranslation();
  const fieldText = useFieldText();
  const { errors } = useFormState({ control: form.control });
  const upstream = useWatch({ control: form.control, name: "upstream" });
  const scheme = useWatch({ control: form.control, name: "forward_scheme" });
  const error = (path: string) => {
    const found: unknown = get(errors, `upstream.${path}`);
    return fieldText((found as FieldError | undefined)?.message);
  };
  const change = (part: Partial<Upstream>) => {
    form.clearErrors("upstream");
    form.setValue("upstream", { ...upstream, ...part }, { shouldDirty: true });
  };
  const { servers, health, sticky, timeouts, limits, tls } = upstream;
  const changeServer = (at: number, part: Partial<Upstream["servers"][number]>) =>
    change({ servers: servers.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  const required = (value: number | null) => value ?? Number.NaN;
  const untouched = JSON.stringify(upstream) === JSON.stringify(ONE_SERVER);
  const https = scheme === "https" || servers.some((each) => each.scheme === "https");
  const summary = untouched
    ? t("hosts.form.serversNone")
    : [
        t("hosts.form.serversCount", { count: servers.length + 1 }),
        ...(servers.length > 0 ? [t(`hosts.form.balances.${upstream.balance}`)] : []),
        ...(sticky ? [t("hosts.form.sticky")] : []),
        ...(health ? [t("hosts.form.health")] : []),
      ].join(" · ");
  return (
    <Fold title={t("hosts.form.servers")} failed={errors.upstream !== undefined} summary={summary}>
      <p className="text-sm text-muted">{t("hosts.form.serversHint")}</p>
      {servers.map((server, at) => (
        <div key={at} className="flex flex-col gap-3 rounded-md border border-line p-3">
          <div className="flex flex-wrap items-start gap-2">
            <Field label={t("hosts.form.serverScheme")} className="w-28">
              {(wired) => (
                <Select
                  {...wired}
                  value={server.scheme}
                  onChange={(event) =>
                    changeServer(at, { scheme: event.target.value === "https" ? "https" : "http" })
                  }
                >
                  <option value="http">{"http://"}</option>
                  <option value="https">{"https://"}</option>
                </Select>
              )}
            </Field>
            <Field
              label={t("hosts.form.serverAddress", { number: at + 2 })}
              error={error(`servers.${at}.address`)}
              className="flex-1 basis-48"
            >
              {(wired) => (
                <Input
                  {...wired}
                  value={server.address}
                  onChange={(event) => changeServer(at, { address: event.target.value })}
                  placeholder="192.168.1.21:3000"
                  spellCheck={false}
                />
              )}
            </Field>
            <Field
              label={t("hosts.form.serverWeight")}
              error={error(`servers.${at}.weight`)}
              className="w-24"
            >
              {(wired) => (
                <Input
                  {...wired}
                  value={Number.isNaN(server.weight) ? "" : server.weight}
                  onChange={(event) => changeServer(at, { weight: parseInt(event.target.value, 10) })}
                  inputMode="numeric"
                />
              )}
            </Field>
            <IconButton
              label={t("hosts.form.removeServer", { number: at + 2 })}
              onClick={() => change({ servers: servers.filter((_, index) => index !== at) })}
              className="mt-6.5"
            >
              <Trash2 aria-hidden size={16} />
            </IconButton>
          </div>
          <Switch
            label={t("hosts.form.serverBackup")}
            checked={server.backup}
            onChange={(backup) => changeServer(at, { backup })}
          />
        </div>
      ))}
      <div>
        <Button
          icon={<Plus aria-hidden size={16} />}
          onClick={() => change({ servers: [...servers, { scheme, address: "", weight: 1, backup: false }] })}
        >
          {t("hosts.form.addServer")}
        </Button>
      </div>
      {servers.length > 0 ? (
        <>
          <Field label={t("hosts.form.balance")} error={error("balance")}>
            {(wired) => (
              <Select
                {...wired}
                value={upstream.balance}
                onChange={(event) => change({ balance: event.target.value as Upstream["balance"] })}
              >
                {BALANCES.map((each) => (
                  <option key={each} value={each}>
                    {t(`hosts.form.balances.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Switch
            label={t("hosts.form.sticky")}
            hint={t("hosts.form.stickyHint")}
            checked={sticky !== null}
            onChange={(on) => change({ sticky: on ? { cookie: "charon_server", max_age_s: null } : null })}
          />
        </>
      ) : null}
      <Switch
        label={t("hosts.form.health")}
        checked={health !== null}
        onChange={(on) => change({ health: on ? HEALTH : null })}
      />
      {health ? (
        <div className="flex flex-wrap gap-3 border-l-2 border-line pl-4">
          <Field
            label={t("hosts.form.healthPath")}
            hint={t("hosts.form.healthPathHint")}
            error={error("health.path")}
          >
            {(wired) => (
              <Input
                {...wired}
                value={health.path ?? ""}
                onChange={(event) => change({ health: { ...health, path: event.target.value || null } })}
              />
            )}
          </Field>
          <Field label={t("hosts.form.healthStatuses")} error={error("health.statuses")}>
            {(wired) => (
              <Input
                {...wired}
                value={health.statuses}
                onChange={(event) => change({ health: { ...health, statuses: event.target.value } })}
              />
            )}
          </Field>
          <NumberField
            label={t("hosts.form.healthInterval")}
            factor={1000}
            value={health.interval_ms}
            error={error("health.interval_ms")}
            onChange={(value) => change({ health: { ...health, interval_ms: required(value) } })}
          />
          <NumberField
            label={t("hosts.form.healthFall")}
            value={health.fall}
            error={error("health.fall")}
            onChange={(value) => change({ health: { ...health, fall: required(value) } })}
          />
          <NumberField
            label={t("hosts.form.healthRise")}
            value={health.rise}
            error={error("health.rise")}
            onChange={(value) => change({ health: { ...health, rise: required(value) } })}
          />
        </div>
      ) : null}
      <fieldset className="min-w-0">
        <legend className="mb-2 text-sm font-medium">{t("hosts.form.timeouts")}</legend>
        <div className="flex flex-wrap gap-3">
          {(
            [
              ["connect", "5"],
              ["read", "60"],
              ["write", "60"],
              ["pause", "300"],
            ] as const
          ).map(([name, own]) => (
            <NumberField
              key={name}
              label={t(`hosts.form.${name}`)}
              factor={1000}
              placeholder={own}
              value={timeouts[`${name}_ms`]}
              error={error(`timeouts.${name}_ms`)}
              onChange={(value) => change({ timeouts: { ...timeouts, [`${name}_ms`]: value } })}
            />
          ))}
        </div>
      </fieldset>
      <NumberField
        label={t("hosts.form.maxConnections")}
        placeholder={t("hosts.form.noLimit")}
        value={limits.max_connections}
        error={error("limits.max_connections")}
        onChange={(value) => change({ limits: { ...limits, max_connections: value } })}
      />
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
                onChange={(event) => change({ tls: { ...tls, server_name: event.target.value || null } })}
              />
            )}
          </Field>
          <Field label={t("hosts.form.ca")} hint={t("hosts.form.caHint")} error={error("tls.ca_pem")}>
            {(wired) => (
              <Textarea
                {...wired}
                rows={3}
                value={tls.ca_pem ?? ""}
                onChange={(event) => change({ tls: { ...tls, ca_pem: event.target.value || null } })}
              />
            )}
          </Field>
        </>
      ) : null}
      <Field label={t("hosts.form.proxyProtocol")} error={error("send_proxy_protocol")}>
        {(wired) => (
          <Select
            {...wired}
            value={upstream.send_proxy_protocol ?? ""}
            onChange={(event) =>
              change({
                send_proxy_protocol:
                  event.target.value === "" ? null : event.target.value === "v1" ? "v1" : "v2",
              })
            }
          >
            <option value="">{t("hosts.form.proxyOff")}</option>
            <option value="v1">v1</option>
            <option value="v2">v2</option>
          </Select>
        )}
      </Field>
    </Fold>
  );
}
