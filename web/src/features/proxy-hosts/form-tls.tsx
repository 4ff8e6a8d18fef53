// What a host wants of TLS beyond its certificate: a policy of its own, and certificates that clients show.
import { useTranslation } from "react-i18next";
import type { HostTls } from "@/api/schema";
import { Field, Select, Textarea } from "@/ui/field";
import type { Place } from "./place";
import { tlsModeOf } from "./values";

const POLICIES = ["intermediate", "modern"] as const;

export function TlsEditor({ place }: { place: Place<HostTls> }) {
  const { t } = useTranslation();
  const { value: tls, change, error } = place;
  const clients = tls.client_certificates;
  return (
    <>
      <Field label={t("hostTls.policy")} hint={t("hostTls.policyHint")} error={error("policy")}>
        {(wired) => (
          <Select
            {...wired}
            value={tls.policy ?? ""}
            onChange={(event) =>
              change({ policy: POLICIES.find((each) => each === event.target.value) ?? null })
            }
          >
            <option value="">{t("hostTls.policies.usual")}</option>
            {POLICIES.map((each) => (
              <option key={each} value={each}>
                {t(`hostTls.policies.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field
        label={t("hostTls.clients")}
        hint={t("hostTls.clientsHint")}
        error={error("client_certificates")}
      >
        {(wired) => (
          <Select
            {...wired}
            value={tlsModeOf(tls)}
            onChange={(event) =>
              change({
                client_certificates:
                  event.target.value === "none"
                    ? null
                    : { required: event.target.value === "required", ca_pem: clients?.ca_pem ?? "" },
              })
            }
          >
            {(["none", "optional", "required"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`hostTls.modes.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {clients ? (
        <div className="flex flex-col gap-4 border-l-2 border-line pl-4">
          <Field
            label={t("hostTls.authority")}
            hint={t("hostTls.authorityHint")}
            error={error("client_certificates.ca_pem")}
          >
            {(wired) => (
              <Textarea
                {...wired}
                rows={5}
                spellCheck={false}
                className="font-mono"
                placeholder="-----BEGIN CERTIFICATE-----"
                value={clients.ca_pem}
                onChange={(event) =>
                  change({ client_certificates: { ...clients, ca_pem: event.target.value } })
                }
              />
            )}
          </Field>
        </div>
      ) : null}
    </>
  );
}
