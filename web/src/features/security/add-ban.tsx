// Bans an address or a network, and asks again when it would hit the person or what stands in front.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { toast } from "@/ui/toast";

const HOURS = ["1", "24", "168", "720", "ever"] as const;

export function AddBan({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [value, setValue] = useState("");
  const [reason, setReason] = useState("");
  const [hours, setHours] = useState<(typeof HOURS)[number]>("24");
  const adding = useMutation({
    mutationFn: (confirm: boolean) =>
      body(
        api.POST("/api/v1/security/bans", {
          body: { value: value.trim(), reason, hours: hours === "ever" ? null : Number(hours), confirm },
        }),
      ),
    onSuccess: (ban) => {
      toast("live", t("security.bans.added", { value: ban.value }));
      onClose();
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  // What the ban would hit; the question is about this value alone.
  const hits =
    adding.error instanceof ApiProblem && adding.error.errors.find((each) => each.field === "confirm");
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("security.bans.addTitle")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          <Button look={hits ? "danger" : "primary"} type="submit" form="add-ban" busy={adding.isPending}>
            {t(hits ? "security.bans.addAnyway" : "security.bans.add")}
          </Button>
        </>
      }
    >
      <form
        id="add-ban"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          adding.mutate(Boolean(hits));
        }}
      >
        <Field
          label={t("security.bans.addValue")}
          error={adding.error && !hits ? problemText(t, adding.error) : undefined}
        >
          {(wired) => (
            <Input
              {...wired}
              required
              autoFocus
              placeholder="203.0.113.7"
              value={value}
              onChange={(event) => {
                setValue(event.target.value);
                adding.reset();
              }}
            />
          )}
        </Field>
        {hits ? (
          <Notice tone="degraded" title={sentence(hits.message)}>
            {t("security.bans.addAnywayText")}
          </Notice>
        ) : null}
        <Field label={t("security.bans.addReason")} hint={t("security.bans.addReasonHint")}>
          {(wired) => (
            <Input
              {...wired}
              maxLength={200}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("security.bans.addHours")}>
          {(wired) => (
            <Select
              {...wired}
              value={hours}
              onChange={(event) => setHours(event.target.value as (typeof HOURS)[number])}
            >
              {HOURS.map((each) => (
                <option key={each} value={each}>
                  {t(`security.bans.hours.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}
