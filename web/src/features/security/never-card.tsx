// Who is never banned: one address or network a line.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Textarea } from "@/ui/field";
import { problemText } from "@/ui/problem-text";
import { toast } from "@/ui/toast";
import { toList } from "./values";

export function NeverCard({ entries }: { entries: string[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const [text, setText] = useState(entries.join("\n"));
  const saving = useMutation({
    mutationFn: () => body(api.PUT("/api/v1/security/crowdsec", { body: { never_banned: toList(text) } })),
    onSuccess: (shown) => {
      client.setQueryData(queries.crowdsec().queryKey, shown);
      toast("live", t("security.never.saved", { count: shown.never_banned.length }));
    },
  });
  return (
    <Card title={t("security.never.title")}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          saving.mutate();
        }}
      >
        <Field
          label={t("security.never.label")}
          hint={t("security.never.hint")}
          error={saving.error ? problemText(t, saving.error) : undefined}
        >
          {(wired) => (
            <Textarea
              {...wired}
              rows={4}
              value={text}
              readOnly={!mayEdit}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        {mayEdit ? (
          <div>
            <Button type="submit" busy={saving.isPending} disabled={toList(text).join() === entries.join()}>
              {t("security.never.save")}
            </Button>
          </div>
        ) : null}
      </form>
    </Card>
  );
}
