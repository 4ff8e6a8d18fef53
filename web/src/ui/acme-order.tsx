// How it goes with an automatic certificate: each step of its order as it happens, why it failed, and what is next.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, Circle, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import type { AcmeOrder } from "@/api/schema";
import { useMay } from "@/api/session";
import { State } from "./badge";
import { Button, TextLink } from "./button";
import type { Tone } from "./classes";
import { Confirm } from "./confirm";
import { useDialog } from "./dialog";
import { Field, Select } from "./field";
import { dateTime, sentence } from "./format";
import { Notice } from "./notice";
import { problemText } from "./problem-text";
import { Ago } from "./time";

const PHASE_TONE: Record<AcmeOrder["phase"], Tone> = {
  waiting: "neutral",
  ordering: "info",
  valid: "live",
  failing: "failing",
  held: "degraded",
};

/** One set of names: how it stands, why, and what happens next. */
export function AcmeOrderState({ order }: { order: AcmeOrder }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const revoking = useDialog("revoke");
  const renewing = useMutation({
    mutationFn: () =>
      body(api.POST("/api/v1/acme/orders/{uuid}/renew", { params: { path: { uuid: order.uuid } } })),
    onSettled: () => client.invalidateQueries({ queryKey: queries.acmeOrders().queryKey }),
  });
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="font-medium break-words">{order.domains.join(", ")}</p>
          <p className="text-sm text-muted">
            {order.hosts.map((host) => (
              <TextLink key={host.uuid} to={`/proxy-hosts/${host.uuid}`} className="mr-2">
                {host.name}
              </TextLink>
            ))}
            {order.expires_at
              ? t("certificates.automatic.until", { date: dateTime(order.expires_at) })
              : null}
          </p>
        </div>
        <div className="flex flex-wrap items-center gap-3">
          <State tone={PHASE_TONE[order.phase]}>{t(`certificates.automatic.phase.${order.phase}`)}</State>
          {order.since ? (
            <span className="text-sm text-muted">
              <Ago time={order.since} />
            </span>
          ) : null}
          {mayEdit && order.phase !== "ordering" ? (
            <>
              {order.expires_at ? (
                <Button look="quiet" onClick={() => revoking.open(order.uuid)}>
                  {t("certificates.automatic.revoke")}
                </Button>
              ) : null}
              <Button busy={renewing.isPending} onClick={() => renewing.mutate()}>
                {t(order.expires_at ? "certificates.automatic.renew" : "certificates.automatic.tryNow")}
              </Button>
            </>
          ) : null}
        </div>
      </div>
      {renewing.error ? <Notice tone="failing">{problemText(t, renewing.error)}</Notice> : null}
      {order.message ? (
        <Notice tone={order.phase === "failing" ? "failing" : "degraded"} title={sentence(order.message)}>
          {sentence(order.remedy)}
        </Notice>
      ) : null}
      {order.next_at ? (
        <p className="text-sm text-muted">
          {t(
            order.phase === "valid" ? "certificates.automatic.renewedAt" : "certificates.automatic.triedAt",
            { date: dateTime(order.next_at) },
          )}
        </p>
      ) : null}
      {order.phase !== "valid" ? <Steps order={order} /> : null}
      {revoking.value === order.uuid ? <Revoke order={order} onClose={revoking.close} /> : null}
    </div>
  );
}

const REASONS = ["key_compromise", "superseded"] as const;

function Revoke({ order, onClose }: { order: AcmeOrder; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [reason, setReason] = useState<(typeof REASONS)[number]>("key_compromise");
  const revoking = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/acme/orders/{uuid}/revoke", {
          params: { path: { uuid: order.uuid } },
          body: { reason },
        }),
      ),
    onSuccess: () => {
      onClose();
      return client.invalidateQueries({ queryKey: queries.acmeOrders().queryKey });
    },
  });
  return (
    <Confirm
      open
      title={t("certificates.automatic.revokeTitle", { names: order.domains.join(", ") })}
      action={t("certificates.automatic.revokeAction")}
      busy={revoking.isPending}
      error={revoking.error}
      onClose={onClose}
      onConfirm={() => revoking.mutate()}
    >
      <p>{t("certificates.automatic.revokeText")}</p>
      <Field label={t("certificates.automatic.revokeReason")}>
        {(wired) => (
          <Select
            {...wired}
            value={reason}
            onChange={(event) => setReason(event.target.value as (typeof REASONS)[number])}
          >
            {REASONS.map((each) => (
              <option key={each} value={each}>
                {t(`certificates.automatic.reasons.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </Confirm>
  );
}

function Steps({ order }: { order: AcmeOrder }) {
  const { t } = useTranslation();
  if (order.steps.length === 0) return null;
  return (
    <ol aria-label={t("certificates.automatic.steps")} className="flex flex-col gap-1 text-sm">
      {order.steps.map((step) => (
        <li key={step.name} className="flex items-start gap-2">
          {step.done ? (
            <Check
              aria-label={t("certificates.automatic.done")}
              size={16}
              className="mt-0.5 shrink-0 text-live"
            />
          ) : order.phase === "ordering" ? (
            <LoaderCircle
              aria-label={t("certificates.automatic.notDone")}
              size={16}
              className="mt-0.5 shrink-0 text-muted motion-safe:animate-spin"
            />
          ) : (
            <Circle
              aria-label={t("certificates.automatic.notDone")}
              size={16}
              className="mt-0.5 shrink-0 text-muted"
            />
          )}
          <span className="min-w-0 break-words">{sentence(step.message)}</span>
        </li>
      ))}
    </ol>
  );
}
