// Creating a token, and showing it the one time.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { useMay } from "@/api/session";
import type { Scope } from "@/api/schema";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Field, FieldError, Input, Select } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { Checkbox } from "@/ui/toggle";

const DAYS = [7, 30, 90, 366];
const SCOPES = ["read", "write", "admin"] as const;

export function CreateToken({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const admin = useMay("admin");
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["read"]);
  const [days, setDays] = useState("90");
  const [tried, setTried] = useState(false);
  const creating = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/api-tokens", {
          body: { name: name.trim(), scopes, expires_in_days: days ? Number(days) : null },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const submit = () => {
    setTried(true);
    if (name.trim() && scopes.length > 0 && !creating.isPending) creating.mutate();
  };
  const problem = creating.error instanceof ApiProblem ? creating.error : null;
  const fieldError = (field: string) => problem?.errors.find((each) => each.field === field)?.message;

  if (creating.data)
    return (
      <Dialog
        open
        // A stray click must not lose what is shown only once.
        onClose={() => undefined}
        title={t("tokens.once.title")}
        description={t("tokens.once.text")}
        footer={
          <Button look="primary" onClick={onClose}>
            {t("tokens.once.done")}
          </Button>
        }
      >
        <div className="flex flex-col gap-3 pb-4">
          <Command text={creating.data.token} />
          <p className="text-sm text-muted">{t("tokens.once.use")}</p>
          <Command
            text={`curl -H 'Authorization: Bearer ${creating.data.token}' ${window.location.origin}/api/v1/proxy-hosts`}
          />
        </div>
      </Dialog>
    );
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("tokens.form.title")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          <Button look="primary" busy={creating.isPending} onClick={submit}>
            {t("tokens.form.create")}
          </Button>
        </>
      }
    >
      <form
        className="flex flex-col gap-4 pb-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field
          label={t("tokens.form.name")}
          error={tried && !name.trim() ? t("tokens.form.needName") : fieldError("name")}
        >
          {(wired) => (
            <Input
              {...wired}
              value={name}
              placeholder={t("tokens.form.namePlaceholder")}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <fieldset className="flex flex-col gap-2.5">
          <legend className="mb-2 text-sm font-medium">{t("tokens.form.scopes")}</legend>
          {SCOPES.filter((scope) => admin || scope === "read").map((scope) => (
            <Checkbox
              key={scope}
              visibleLabel
              label={t(`tokens.scopeHint.${scope}`)}
              checked={scopes.includes(scope)}
              onChange={(checked) =>
                setScopes(SCOPES.filter((each) => (each === scope ? checked : scopes.includes(each))))
              }
            />
          ))}
          {tried && scopes.length === 0 ? <FieldError message={t("tokens.form.needScope")} /> : null}
          {fieldError("scopes") ? <FieldError message={fieldError("scopes") ?? ""} /> : null}
        </fieldset>
        <Field label={t("tokens.form.expires")} error={fieldError("expires_in_days")}>
          {(wired) => (
            <Select {...wired} value={days} onChange={(event) => setDays(event.target.value)}>
              {DAYS.map((count) => (
                <option key={count} value={count}>
                  {t("tokens.form.days", { count })}
                </option>
              ))}
              <option value="">{t("tokens.form.never")}</option>
            </Select>
          )}
        </Field>
        {creating.error ? <Notice tone="failing">{problemText(t, creating.error)}</Notice> : null}
      </form>
    </Dialog>
  );
}
