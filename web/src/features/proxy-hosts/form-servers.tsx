// The servers behind a host or a location, and how one of them is chosen.
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Certificate, Upstream } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Notice } from "@/ui/notice";
import { Section, Sections } from "@/ui/section";
import { Switch } from "@/ui/toggle";
import { NumberField } from "./number-field";
import type { Place } from "./place";
import { ConnectionFields, HealthFields, LimitFields, PassiveFields } from "./server-parts";
import { PARTS, STICKY, describe, type PartName } from "./server-rules";

const BALANCES = ["round_robin", "least_connections", "ip_hash", "random_two"] as const;

/** The target itself, which is the first server. */
export interface First {
  scheme: "http" | "https";
  text: string;
  verified: boolean;
}

interface Props {
  place: Place<Upstream>;
  first: First;
  certificates: Certificate[];
}

export function ServersEditor({ place, first, certificates }: Props) {
  const { t } = useTranslation();
  const { value } = place;
  const whole = place.error("") ?? place.error("servers");
  const https = first.scheme === "https" || value.servers.some((each) => each.scheme === "https");
  const fields: Record<PartName, () => React.ReactNode> = {
    health: () => <HealthFields place={place} />,
    passive: () => <PassiveFields place={place} />,
    limits: () => <LimitFields place={place} />,
    connection: () => (
      <ConnectionFields place={place} https={https} verified={first.verified} certificates={certificates} />
    ),
  };
  return (
    <>
      <p className="text-sm text-muted">{t("hosts.form.serversHint")}</p>
      {whole ? <Notice tone="failing">{whole}</Notice> : null}
      {value.servers.length > 0 ? <FirstServer place={place} first={first} /> : null}
      {value.servers.map((_, at) => (
        <FurtherServer key={at} place={place} at={at} />
      ))}
      <div>
        <Button
          icon={<Plus aria-hidden size={16} />}
          onClick={() =>
            place.change({
              servers: [...value.servers, { scheme: first.scheme, address: "", weight: 1, backup: false }],
            })
          }
        >
          {t("hosts.form.addServer")}
        </Button>
      </div>
      {value.servers.length > 0 ? <Choosing place={place} /> : null}
      <Sections>
        {(Object.keys(PARTS) as PartName[]).map((part) => {
          const says = describe(t, part, value);
          return (
            <Section
              key={part}
              title={t(`hostServers.parts.${part}`)}
              summary={says ?? t(`hostServers.usual.${part}`)}
              set={says !== null}
              failed={PARTS[part].some((name) => place.errorIn(name) !== undefined)}
            >
              {fields[part]}
            </Section>
          );
        })}
      </Sections>
    </>
  );
}

function Weight({
  value,
  error,
  onChange,
}: {
  value: number;
  error: string | undefined;
  onChange: (weight: number) => void;
}) {
  const { t } = useTranslation();
  return (
    <Field label={t("hosts.form.serverWeight")} error={error} className="w-24 shrink-0">
      {(wired) => (
        <Input
          {...wired}
          value={Number.isNaN(value) ? "" : value}
          onChange={(event) => onChange(/^\d+$/.test(event.target.value) ? Number(event.target.value) : NaN)}
          inputMode="numeric"
        />
      )}
    </Field>
  );
}

function FirstServer({ place, first }: { place: Place<Upstream>; first: First }) {
  const { t } = useTranslation();
  return (
    <div
      role="group"
      aria-label={t("hostServers.firstServer")}
      className="flex flex-wrap items-start justify-between gap-3 rounded-md border border-line p-3"
    >
      <div className="min-w-0 flex-1 basis-48">
        <p className="text-sm font-medium">{t("hostServers.firstServer")}</p>
        <p className="mt-2.5 font-mono text-sm wrap-anywhere text-muted">{first.text}</p>
      </div>
      <Weight
        value={place.value.weight}
        error={place.error("weight")}
        onChange={(weight) => place.change({ weight })}
      />
    </div>
  );
}

function FurtherServer({ place, at }: { place: Place<Upstream>; at: number }) {
  const { t } = useTranslation();
  const { servers } = place.value;
  const server = servers[at];
  if (!server) return null;
  const change = (part: Partial<Upstream["servers"][number]>) =>
    place.change({ servers: servers.map((each, index) => (index === at ? { ...each, ...part } : each)) });
  return (
    <div
      role="group"
      aria-label={t("hostServers.server", { number: at + 2 })}
      className="flex flex-col gap-3 rounded-md border border-line p-3"
    >
      <div className="flex flex-wrap items-start gap-2">
        <Field
          label={t("hosts.form.serverScheme")}
          error={place.error(`servers.${at}.scheme`)}
          className="w-28 shrink-0"
        >
          {(wired) => (
            <Select
              {...wired}
              value={server.scheme}
              onChange={(event) => change({ scheme: event.target.value === "https" ? "https" : "http" })}
            >
              <option value="http">{"http://"}</option>
              <option value="https">{"https://"}</option>
            </Select>
          )}
        </Field>
        <Field
          label={t("hosts.form.serverAddress", { number: at + 2 })}
          hint={t("hostServers.addressHint")}
          error={place.error(`servers.${at}.address`)}
          className="flex-1 basis-48"
        >
          {(wired) => (
            <Input
              {...wired}
              value={server.address}
              onChange={(event) => change({ address: event.target.value })}
              placeholder="192.168.1.21:3000"
              autoCapitalize="off"
              spellCheck={false}
            />
          )}
        </Field>
        <Weight
          value={server.weight}
          error={place.error(`servers.${at}.weight`)}
          onChange={(weight) => change({ weight })}
        />
        <IconButton
          label={t("hosts.form.removeServer", { number: at + 2 })}
          onClick={() => place.change({ servers: servers.filter((_, index) => index !== at) })}
          className="mt-6.5"
        >
          <Trash2 aria-hidden size={16} />
        </IconButton>
      </div>
      <Switch
        label={t("hosts.form.serverBackup")}
        checked={server.backup}
        onChange={(backup) => change({ backup })}
      />
    </div>
  );
}

function Choosing({ place }: { place: Place<Upstream> }) {
  const { t } = useTranslation();
  const { balance, sticky } = place.value;
  // What was typed comes back when the switch is turned on again.
  const [kept, setKept] = useState(sticky ?? STICKY);
  const write = (part: Partial<typeof kept>) => {
    const next = { ...kept, ...sticky, ...part };
    setKept(next);
    place.change({ sticky: next });
  };
  return (
    <>
      <Field label={t("hosts.form.balance")} error={place.error("balance")}>
        {(wired) => (
          <Select
            {...wired}
            value={balance}
            onChange={(event) => place.change({ balance: event.target.value as Upstream["balance"] })}
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
        onChange={(on) => (on ? write({}) : place.change({ sticky: null }))}
      />
      {sticky ? (
        <div className="flex flex-wrap gap-3 border-l-2 border-line pl-4">
          <Field
            label={t("hostServers.cookie")}
            error={place.error("sticky.cookie")}
            className="min-w-40 flex-1"
          >
            {(wired) => (
              <Input
                {...wired}
                value={sticky.cookie}
                spellCheck={false}
                onChange={(event) => write({ cookie: event.target.value })}
              />
            )}
          </Field>
          <NumberField
            label={t("hostServers.cookieAge")}
            placeholder={t("hostServers.untilClosed")}
            value={sticky.max_age_s}
            error={place.error("sticky.max_age_s")}
            onChange={(max_age_s) => write({ max_age_s })}
          />
        </div>
      ) : null}
    </>
  );
}
