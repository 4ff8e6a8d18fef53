// How long CrowdSec bans: the first time, the second, and so on.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, FieldError, Input, Select } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { LoadFailed } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { fromMinutes, MOST_STEPS, toMinutes, UNITS, type Length, type Unit } from "./values";

export function EscalationCard() {
  const { t } = useTranslation();
  const stored = useQuery(queries.escalation());
  return (
    <Card title={t("security.escalation.title")}>
      {stored.error && !stored.data ? (
        <LoadFailed error={stored.error} retry={() => void stored.refetch()} />
      ) : !stored.data ? (
        <SkeletonRows rows={4} />
      ) : (
        <Steps key={stored.data.minutes.join()} minutes={stored.data.minutes} />
      )}
    </Card>
  );
}

function Steps({ minutes }: { minutes: number[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const [steps, setSteps] = useState<Length[]>(() => minutes.map(fromMinutes));
  const saving = useMutation({
    mutationFn: () =>
      body(api.PUT("/api/v1/security/crowdsec/escalation", { body: { minutes: steps.map(toMinutes) } })),
    onSuccess: (saved) => {
      client.setQueryData(queries.escalation().queryKey, saved);
      toast("live", t("security.escalation.saved"));
    },
  });
  const change = (index: number, length: Partial<Length>) =>
    setSteps(steps.map((each, at) => (at === index ? { ...each, ...length } : each)));
  const wrong = (index: number) =>
    saving.error instanceof ApiProblem
      ? saving.error.errors.find((each) => each.field === `minutes[${index}]`)?.message
      : undefined;
  const someWrong = steps.some((_, index) => wrong(index) !== undefined);
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate();
      }}
    >
      <p className="text-muted">{t("security.escalation.text")}</p>
      <div className="flex flex-wrap gap-x-8 gap-y-4">
        {steps.map((step, index) => {
          const last = index === steps.length - 1;
          const name = t(last && index > 0 ? "security.escalation.stepLast" : "security.escalation.step", {
            number: index + 1,
          });
          return (
            <Field key={index} label={name} error={wrong(index)}>
              {(wired) => (
                <div className="flex gap-2">
                  <Input
                    {...wired}
                    type="number"
                    required
                    min={1}
                    step={1}
                    className="w-24!"
                    value={step.amount}
                    readOnly={!mayEdit}
                    onChange={(event) => change(index, { amount: event.target.value })}
                  />
                  <Select
                    aria-label={t("security.escalation.unitOf", { name })}
                    className="w-auto!"
                    value={step.unit}
                    disabled={!mayEdit}
                    onChange={(event) => change(index, { unit: event.target.value as Unit })}
                  >
                    {UNITS.map((unit) => (
                      <option key={unit} value={unit}>
                        {t(`security.escalation.units.${unit}`)}
                      </option>
                    ))}
                  </Select>
                  {mayEdit && steps.length > 1 ? (
                    <IconButton
                      label={t("security.escalation.remove", { name })}
                      onClick={() => setSteps(steps.filter((_, at) => at !== index))}
                    >
                      <Trash2 aria-hidden size={16} />
                    </IconButton>
                  ) : null}
                </div>
              )}
            </Field>
          );
        })}
      </div>
      {saving.error && !someWrong ? <FieldError message={problemText(t, saving.error)} /> : null}
      {mayEdit ? (
        <div className="flex flex-wrap gap-2">
          <Button
            type="submit"
            look="primary"
            busy={saving.isPending}
            disabled={steps.map(toMinutes).join() === minutes.join()}
          >
            {t("security.escalation.save")}
          </Button>
          {steps.length < MOST_STEPS ? (
            <Button
              icon={<Plus aria-hidden size={16} />}
              onClick={() => setSteps([...steps, steps.at(-1) ?? { amount: "4", unit: "hours" }])}
            >
              {t("security.escalation.add")}
            </Button>
          ) : null}
        </div>
      ) : null}
    </form>
  );
}
