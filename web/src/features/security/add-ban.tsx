// Bans an address or a network.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
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
    mutationFn: () =>
      body(
        api.POST("/api/v1/security/bans", {
          body: { value: value.trim(), reason, hours: hours === "ever" ? null : Number(hours) },
        }),
      ),
    onSuccess: (ban) => {
      toast("live", t("security.bans.added", { value: ban.value }));
      onClose();
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("security.bans.addTitle")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          <Button look="primary" type="submit" form="add-ban" busy={adding.isPending}>
            {t("security.bans.add")}
          </Button>
        </>
      }
    >
      <form
        id="add-ban"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          adding.mutate();
        }}
      >
        <Field
          label={t("security.bans.addValue")}
          error={adding.error ? problemText(t, adding.error) : undefined}
        >
          {(wired) => (
            <Input
              {...wired}
              required
              autoFocus
              placeholder="203.0.113.7"
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          )}
        </Field>
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
