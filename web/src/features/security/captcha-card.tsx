// Whose captcha suspected clients get, and whether its provider can be asked.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Captcha } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, Select } from "@/ui/field";
import { count, sentence } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const PROVIDERS = ["work", "turnstile", "hcaptcha"] as const;
const TONE = {
  work: "live",
  checking: "neutral",
  works: "live",
  unreachable: "degraded",
  keys_refused: "failing",
} as const;

export function CaptchaCard() {
  const { t } = useTranslation();
  const shown = useQuery(queries.captcha());
  if (shown.error && !shown.data)
    return <LoadFailed error={shown.error} retry={() => void shown.refetch()} />;
  return (
    <Card title={t("captcha.title")}>
      {shown.data ? (
        <div className="flex flex-col gap-4">
          <Standing shown={shown.data} />
          <Form key={`${shown.data.provider} ${shown.data.site_key}`} shown={shown.data} />
        </div>
      ) : (
        <SkeletonRows rows={3} />
      )}
    </Card>
  );
}

function Standing({ shown }: { shown: Captcha }) {
  const { t } = useTranslation();
  const provider = t(`captcha.providers.${shown.provider}`);
  return (
    <div className="flex flex-col gap-2">
      <State tone={TONE[shown.state]} wrap>
        {t(`captcha.state.${shown.state}`, { provider })}
      </State>
      {shown.reason ? <Notice tone="degraded">{sentence(shown.reason)}</Notice> : null}
      {shown.test_keys ? <Notice tone="degraded">{t("captcha.testKeys", { provider })}</Notice> : null}
      {shown.shown > 0 ? (
        <p className="text-xs text-muted">
          {t("captcha.counts", {
            shown: count(shown.shown),
            accepted: count(shown.accepted),
            refused: count(shown.refused),
          })}
        </p>
      ) : null}
    </div>
  );
}

function Form({ shown }: { shown: Captcha }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const [provider, setProvider] = useState(shown.provider);
  const [siteKey, setSiteKey] = useState(shown.site_key);
  const [secret, setSecret] = useState("");
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.PUT("/api/v1/security/captcha", {
          body:
            provider === "work"
              ? { provider }
              : { provider, site_key: siteKey.trim(), ...(secret.trim() ? { secret: secret.trim() } : {}) },
        }),
      ),
    onSuccess: (stored) => {
      client.setQueryData(queries.captcha().queryKey, stored);
      setSecret("");
      if (stored.state === "work" || stored.state === "works") toast("live", t("captcha.saved"));
    },
  });
  const wrong = (field: string) =>
    saving.error instanceof ApiProblem
      ? saving.error.errors.find((each) => each.field === field)?.message
      : undefined;
  const named = wrong("site_key") ?? wrong("secret");
  const kept = shown.secret_set && provider === shown.provider;
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      {saving.error && !named ? <Notice tone="failing">{problemText(t, saving.error)}</Notice> : null}
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label={t("captcha.provider")} hint={t(`captcha.hints.${provider}`)}>
          {(wired) => (
            <Select
              {...wired}
              value={provider}
              disabled={!mayEdit}
              onChange={(event) => {
                setProvider(event.target.value as (typeof PROVIDERS)[number]);
                saving.reset();
              }}
            >
              {PROVIDERS.map((each) => (
                <option key={each} value={each}>
                  {t(`captcha.providers.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {provider === "work" ? null : (
          <>
            <Field label={t("captcha.siteKey")} error={wrong("site_key")}>
              {(wired) => (
                <Input
                  {...wired}
                  required
                  maxLength={100}
                  className="font-mono"
                  value={siteKey}
                  readOnly={!mayEdit}
                  onChange={(event) => setSiteKey(event.target.value)}
                />
              )}
            </Field>
            <Field
              label={t("captcha.secret")}
              hint={t(kept ? "captcha.secretKept" : "captcha.secretHint")}
              error={wrong("secret")}
            >
              {(wired) => (
                <Input
                  {...wired}
                  type="password"
                  autoComplete="off"
                  required={!kept}
                  maxLength={200}
                  className="font-mono"
                  value={secret}
                  readOnly={!mayEdit}
                  onChange={(event) => setSecret(event.target.value)}
                />
              )}
            </Field>
          </>
        )}
      </div>
      {mayEdit ? (
        <div>
          <Button type="submit" busy={saving.isPending}>
            {t("captcha.save")}
          </Button>
        </div>
      ) : null}
    </form>
  );
}
