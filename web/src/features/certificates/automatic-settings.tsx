// How automatic certificates are asked for: the authority, its terms, and the kind of proof and key.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Acme, AcmeAuthority } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, Input, Select, Textarea } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { toast } from "@/ui/toast";
import { Switch } from "@/ui/toggle";
import { useHashTarget } from "@/ui/url-state";
import { Accounts } from "./accounts";
import { AUTHORITIES, authorityOf } from "./values";

const KEYS = ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096"] as const;
const CHALLENGES = ["http-01", "tls-alpn-01"] as const;

type Draft = AcmeAuthority & { eab_key: string };

function write({ directory, roots_pem, eab_key_id, eab_key }: Draft) {
  return { directory, roots_pem, eab_key_id, ...(eab_key ? { eab_key } : {}) };
}

export function AutomaticSettings({ shown }: { shown: Acme }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const part = useHashTarget<HTMLDetailsElement>("authority");
  const [email, setEmail] = useState(shown.email);
  const [agreed, setAgreed] = useState(shown.terms_agreed);
  const [first, setFirst] = useState<Draft>({ ...shown.first, eab_key: "" });
  const [second, setSecond] = useState<Draft>({ ...shown.second, eab_key: "" });
  const [trial, setTrial] = useState<Draft>({ ...shown.trial, eab_key: "" });
  const [key, setKey] = useState(shown.key_type);
  const [challenge, setChallenge] = useState(shown.challenge);
  const [profile, setProfile] = useState(shown.profile);
  const [chain, setChain] = useState(shown.preferred_chain);
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.PUT("/api/v1/acme", {
          body: {
            email,
            terms_agreed: agreed,
            first: write(first),
            second: write(second),
            trial: write(trial),
            key_type: key,
            challenge,
            profile,
            preferred_chain: chain,
          },
        }),
      ),
    onSuccess: (stored) => {
      client.setQueryData(queries.acme().queryKey, stored);
      void client.invalidateQueries({ queryKey: queries.acmeOrders().queryKey });
      setFirst((now) => ({ ...now, eab_key: "" }));
      setSecond((now) => ({ ...now, eab_key: "" }));
      setTrial((now) => ({ ...now, eab_key: "" }));
      toast("live", t("certificates.automatic.saved"));
    },
  });
  return (
    <details ref={part} open={!shown.terms_agreed} className="scroll-mt-20">
      <summary className="w-fit cursor-pointer rounded-sm py-1 text-muted hover:text-text">
        {t("certificates.automatic.settings")}
      </summary>
      <form
        className="mt-3 flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          saving.mutate();
        }}
      >
        {saving.error ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
        <Authority title={t("certificates.automatic.first")} value={first} change={setFirst} required />
        <Switch
          label={t("certificates.automatic.terms")}
          hint={t("certificates.automatic.termsHint")}
          checked={agreed}
          onChange={setAgreed}
          disabled={!mayEdit}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t("certificates.automatic.email")} hint={t("certificates.automatic.emailHint")}>
            {(wired) => (
              <Input
                {...wired}
                type="email"
                value={email}
                readOnly={!mayEdit}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
          <Field
            label={t("certificates.automatic.challenge")}
            hint={t("certificates.automatic.challengeHint")}
          >
            {(wired) => (
              <Select
                {...wired}
                value={challenge}
                disabled={!mayEdit}
                onChange={(event) => setChallenge(event.target.value as (typeof CHALLENGES)[number])}
              >
                {CHALLENGES.map((each) => (
                  <option key={each} value={each}>
                    {t(`certificates.automatic.challenges.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("certificates.automatic.key")}>
            {(wired) => (
              <Select
                {...wired}
                value={key}
                disabled={!mayEdit}
                onChange={(event) => setKey(event.target.value as (typeof KEYS)[number])}
              >
                {KEYS.map((each) => (
                  <option key={each} value={each}>
                    {t(`certificates.automatic.keys.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("certificates.automatic.profile")} hint={t("certificates.automatic.profileHint")}>
            {(wired) => (
              <Input
                {...wired}
                value={profile}
                readOnly={!mayEdit}
                onChange={(event) => setProfile(event.target.value)}
              />
            )}
          </Field>
          <Field label={t("certificates.automatic.chain")} hint={t("certificates.automatic.chainHint")}>
            {(wired) => (
              <Input
                {...wired}
                value={chain}
                readOnly={!mayEdit}
                onChange={(event) => setChain(event.target.value)}
              />
            )}
          </Field>
        </div>
        <Authority title={t("certificates.automatic.second")} value={second} change={setSecond} />
        <Authority title={t("certificates.automatic.trial")} value={trial} change={setTrial} />
        {mayEdit ? (
          <div>
            <Button type="submit" busy={saving.isPending}>
              {t("certificates.automatic.save")}
            </Button>
          </div>
        ) : null}
      </form>
      <div className="mt-5">
        <Accounts accounts={shown.accounts} />
      </div>
    </details>
  );
}

function Authority({
  title,
  value,
  change,
  required = false,
}: {
  title: string;
  value: Draft;
  change: (value: Draft) => void;
  required?: boolean;
}) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const known = authorityOf(value.directory);
  const [own, setOwn] = useState(known === "own");
  const chosen = own ? "own" : known;
  const needsBinding = chosen === "own" || chosen === "zerossl" || chosen === "google";
  return (
    <fieldset className="flex flex-col gap-4">
      <Field label={title}>
        {(wired) => (
          <Select
            {...wired}
            value={chosen}
            disabled={!mayEdit}
            onChange={(event) => {
              const name = event.target.value;
              setOwn(name === "own");
              const found = AUTHORITIES.find((each) => each.name === name);
              change({ ...value, directory: found?.directory ?? "" });
            }}
          >
            {required ? null : <option value="none">{t("certificates.automatic.authorities.none")}</option>}
            {AUTHORITIES.map((each) => (
              <option key={each.name} value={each.name}>
                {t(`certificates.automatic.authorities.${each.name}`)}
              </option>
            ))}
            <option value="own">{t("certificates.automatic.authorities.own")}</option>
          </Select>
        )}
      </Field>
      {chosen === "own" ? (
        <>
          <Field label={t("certificates.automatic.directory")}>
            {(wired) => (
              <Input
                {...wired}
                value={value.directory}
                placeholder="https://ca.example.lan/acme/directory"
                readOnly={!mayEdit}
                onChange={(event) => change({ ...value, directory: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("certificates.automatic.roots")} hint={t("certificates.automatic.rootsHint")}>
            {(wired) => (
              <Textarea
                {...wired}
                rows={3}
                className="font-mono"
                value={value.roots_pem}
                readOnly={!mayEdit}
                onChange={(event) => change({ ...value, roots_pem: event.target.value })}
              />
            )}
          </Field>
        </>
      ) : null}
      {needsBinding ? (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t("certificates.automatic.eabId")} hint={t("certificates.automatic.eabHint")}>
            {(wired) => (
              <Input
                {...wired}
                value={value.eab_key_id}
                readOnly={!mayEdit}
                onChange={(event) => change({ ...value, eab_key_id: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("certificates.automatic.eabKey")}>
            {(wired) => (
              <Input
                {...wired}
                type="password"
                autoComplete="off"
                value={value.eab_key}
                placeholder={value.has_eab_key ? t("certificates.automatic.eabStored") : ""}
                readOnly={!mayEdit}
                onChange={(event) => change({ ...value, eab_key: event.target.value })}
              />
            )}
          </Field>
        </div>
      ) : null}
    </fieldset>
  );
}
