// An admin sets a new password for somebody.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import type { User } from "@/api/schema";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { problemText } from "@/ui/problem-text";
import { toast } from "@/ui/toast";

export function PasswordDialog({ user, onClose }: { user: User | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const close = () => {
    setPassword("");
    setTried(false);
    saving.reset();
    onClose();
  };
  const saving = useMutation({
    mutationFn: (uuid: string) =>
      api.POST("/api/v1/users/{uuid}/password", { params: { path: { uuid } }, body: { password } }),
    onSuccess: () => {
      toast("live", t("users.form.passwordSet", { name: user?.name }));
      close();
    },
  });
  const short = password.length < 10;
  const submit = () => {
    setTried(true);
    if (!short && user && !saving.isPending) saving.mutate(user.uuid);
  };
  const error =
    tried && short ? t("users.form.shortPassword") : saving.error ? problemText(t, saving.error) : undefined;
  return (
    <Dialog
      open={user !== undefined}
      onClose={close}
      title={t("users.setPassword")}
      description={t("users.form.newPasswordText", { name: user?.name })}
      footer={
        <>
          <Button onClick={close}>{t("ui.cancel")}</Button>
          <Button look="primary" busy={saving.isPending} onClick={submit}>
            {t("users.setPassword")}
          </Button>
        </>
      }
    >
      <form
        className="pb-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field label={t("users.form.newPassword")} hint={t("users.form.passwordHint")} error={error}>
          {(wired) => (
            <Input
              {...wired}
              type="password"
              autoComplete="new-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
      </form>
    </Dialog>
  );
}
