// The first run: one account, proven by the token that Charon printed.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { Button, ButtonLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { Field, Input } from "@/ui/field";
import { SaveProblem, useSave } from "@/ui/form-page";
import { Empty } from "@/ui/notice";
import { Frame } from "./frame";
import { MIN_PASSWORD, setupSchema, type SetupValues } from "./schema";

export default function SetupPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  // The token leaves the address at once, so that it does not stay in the history.
  const [fromLink] = useState(() => params.get("token") ?? "");
  const status = useQuery(queries.authStatus());
  const setup = useQuery(queries.setup());
  const form = useForm<SetupValues>({
    resolver: zodResolver(setupSchema),
    defaultValues: { token: fromLink, name: "", email: "", password: "" },
  });
  const saving = useSave({
    form,
    save: (values) => body(api.POST("/api/v1/setup", { body: values })),
    onSaved: ({ user }) => {
      client.setQueryData(queries.authStatus().queryKey, { authenticated: true, user });
      client.setQueryData(queries.setup().queryKey, { setupRequired: false });
      void navigate("/", { replace: true });
    },
  });
  useEffect(() => {
    document.title = `${t("session.setup.title")} · Charon`;
    if (params.has("token")) setParams({}, { replace: true });
  }, [t, params, setParams]);
  const password = useWatch({ control: form.control, name: "password" });

  if (status.data?.authenticated && !saving.busy) return <Navigate to="/" replace />;
  const done = saving.error instanceof ApiProblem && saving.error.code === "setup-completed";
  if (done || setup.data?.setupRequired === false)
    return (
      <Frame title="Charon">
        <Card>
          <Empty
            title={t("session.setup.doneTitle")}
            action={
              <ButtonLink look="primary" to="/login">
                {t("session.signIn")}
              </ButtonLink>
            }
          >
            {t("session.setup.doneText")}
          </Empty>
        </Card>
      </Frame>
    );

  const { errors } = form.formState;
  const say = (key: string | undefined): string | undefined => {
    if (key === "session.setup.shortPassword")
      return t("session.setup.shortPassword", { count: MIN_PASSWORD - password.length });
    return key?.startsWith("session.") ? t(key as "session.setup.needName") : key;
  };
  return (
    <Frame title={t("session.setup.title")}>
      <Card>
        <p className="mb-5 text-muted">{t("session.setup.intro")}</p>
        <form
          noValidate
          aria-label={t("session.setup.title")}
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (!saving.busy) saving.submit();
          }}
        >
          <Field
            label={t("session.setup.token")}
            hint={fromLink ? t("session.setup.tokenFromLink") : t("session.setup.tokenHint")}
            error={say(errors.token?.message)}
          >
            {(wired) => (
              <Input
                {...wired}
                {...form.register("token")}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
              />
            )}
          </Field>
          {fromLink ? null : (
            <details className="text-sm text-muted">
              <summary className="w-fit cursor-pointer rounded-sm hover:text-text">
                {t("session.setup.tokenWhere")}
              </summary>
              <div className="mt-2 flex flex-col gap-2">
                <p>{t("session.setup.tokenWhereText")}</p>
                <p>{t("session.setup.tokenService")}</p>
                <Command text="journalctl -u charon | grep -i token" />
                <p>{t("session.setup.tokenContainer")}</p>
                <Command text="docker logs charon 2>&1 | grep -i token" />
              </div>
            </details>
          )}
          <Field label={t("session.setup.name")} error={say(errors.name?.message)}>
            {(wired) => (
              <Input {...wired} {...form.register("name")} autoComplete="name" autoFocus={fromLink !== ""} />
            )}
          </Field>
          <Field label={t("session.email")} error={say(errors.email?.message)}>
            {(wired) => <Input {...wired} {...form.register("email")} type="email" autoComplete="username" />}
          </Field>
          <Field
            label={t("session.setup.password")}
            hint={t("session.setup.passwordHint")}
            error={say(errors.password?.message)}
          >
            {(wired) => (
              <Input {...wired} {...form.register("password")} type="password" autoComplete="new-password" />
            )}
          </Field>
          <SaveProblem saving={saving} />
          <Button type="submit" look="primary" busy={saving.busy} className="w-full">
            {saving.busy ? t("session.setup.creating") : t("session.setup.create")}
          </Button>
        </form>
      </Card>
      <ol className="mt-5 flex list-decimal flex-col gap-1 pl-6 text-sm text-muted">
        <li className="text-text">{t("session.setup.step1")}</li>
        <li>{t("session.setup.step2")}</li>
        <li>{t("session.setup.step3")}</li>
      </ol>
    </Frame>
  );
}
