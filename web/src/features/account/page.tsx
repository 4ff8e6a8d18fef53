// One's own account: profile, password, sessions.
import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm, useFormState, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMe } from "@/api/session";
import type { Me, Session } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button, TextLink } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { SaveProblem, useSave } from "@/ui/form-page";
import { LoadFailed } from "@/ui/notice";
import { Page } from "@/ui/page";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";
import { agentName, passwordSchema, profileSchema } from "./values";

export default function AccountPage() {
  const { t } = useTranslation();
  const me = useMe();
  if (!me) return null;
  return (
    <Page title={t("account.title")} windowTitle={t("account.title")}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Profile me={me} />
        <Password />
      </div>
      <Sessions />
      <Card title={t("account.tokens")}>
        <p className="mb-2 text-muted">{t("account.tokensText")}</p>
        <TextLink to="/api-tokens">{t("account.tokensLink")}</TextLink>
      </Card>
    </Page>
  );
}

function useText(): (message: string | undefined) => string | undefined {
  const { t } = useTranslation();
  return (message) => (message?.startsWith("account.") ? t(message as "account.needName") : message);
}

function Profile({ me }: { me: Me }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const text = useText();
  const form = useForm({
    resolver: zodResolver(profileSchema(me.email)),
    defaultValues: { name: me.name, email: me.email, current_password: "" },
  });
  const email = useWatch({ control: form.control, name: "email" });
  const saving = useSave({
    form,
    save: (values) =>
      body(
        api.PUT("/api/v1/auth/me", {
          body: {
            name: values.name,
            email: values.email,
            ...(values.current_password ? { current_password: values.current_password } : {}),
          },
        }),
      ),
    onSaved: (user) => {
      client.setQueryData(queries.authStatus().queryKey, { authenticated: true, user });
      form.reset({ name: user.name, email: user.email, current_password: "" });
      toast("live", t("account.profileSaved"));
    },
  });
  const { errors } = useFormState({ control: form.control });
  return (
    <Card title={t("account.profile")} aside={<Badge>{t(`role.${me.role}`)}</Badge>}>
      <form
        noValidate
        aria-label={t("account.profile")}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!saving.busy) saving.submit();
        }}
      >
        <Field label={t("account.name")} error={text(errors.name?.message)}>
          {(wired) => <Input {...wired} {...form.register("name")} autoComplete="name" />}
        </Field>
        <Field label={t("account.email")} error={text(errors.email?.message)}>
          {(wired) => <Input {...wired} {...form.register("email")} type="email" autoComplete="email" />}
        </Field>
        {email.trim() !== me.email ? (
          <Field
            label={t("account.currentPassword")}
            hint={t("account.currentPasswordHint")}
            error={text(errors.current_password?.message)}
          >
            {(wired) => (
              <Input
                {...wired}
                {...form.register("current_password")}
                type="password"
                autoComplete="current-password"
              />
            )}
          </Field>
        ) : null}
        <SaveProblem saving={saving} />
        <Button type="submit" look="primary" busy={saving.busy} className="self-start">
          {saving.busy ? t("ui.saving") : t("account.saveProfile")}
        </Button>
      </form>
    </Card>
  );
}

function Password() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const text = useText();
  const form = useForm({
    resolver: zodResolver(passwordSchema),
    defaultValues: { old_password: "", new_password: "" },
  });
  const saving = useSave({
    form,
    save: (values) => api.POST("/api/v1/auth/change-password", { body: values }),
    onSaved: () => {
      form.reset({ old_password: "", new_password: "" });
      void client.invalidateQueries({ queryKey: ["sessions"] });
      toast("live", t("account.passwordChanged"));
    },
  });
  const { errors } = useFormState({ control: form.control });
  return (
    <Card title={t("account.password")}>
      <form
        noValidate
        aria-label={t("account.password")}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!saving.busy) saving.submit();
        }}
      >
        <Field label={t("account.oldPassword")} error={text(errors.old_password?.message)}>
          {(wired) => (
            <Input
              {...wired}
              {...form.register("old_password")}
              type="password"
              autoComplete="current-password"
            />
          )}
        </Field>
        <Field
          label={t("account.newPassword")}
          hint={t("account.newPasswordHint")}
          error={text(errors.new_password?.message)}
        >
          {(wired) => (
            <Input
              {...wired}
              {...form.register("new_password")}
              type="password"
              autoComplete="new-password"
            />
          )}
        </Field>
        <SaveProblem saving={saving} />
        <Button type="submit" look="primary" busy={saving.busy} className="self-start">
          {saving.busy ? t("ui.saving") : t("account.changePassword")}
        </Button>
      </form>
    </Card>
  );
}

function Sessions() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const sessions = useQuery(queries.sessions());
  const ending = useMutation({
    mutationFn: (session: Session) =>
      api.DELETE("/api/v1/auth/sessions/{id}", { params: { path: { id: session.id } } }),
    onSuccess: () => toast("live", t("account.sessionEnded")),
    onError: (error) => toast("failing", problemText(t, error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <Card title={t("account.sessions")} flush>
      <p className="border-b border-line px-4 py-3 text-muted">{t("account.sessionsHint")}</p>
      {sessions.error ? (
        <div className="p-4">
          <LoadFailed error={sessions.error} retry={() => void sessions.refetch()} />
        </div>
      ) : null}
      {sessions.isPending ? <SkeletonRows rows={2} /> : null}
      <ul className="divide-y divide-line">
        {(sessions.data ?? []).map((session) => {
          const agent = agentName(session.user_agent) ?? t("account.unknownAgent");
          return (
            <li key={session.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3">
              <div className="min-w-0 flex-1 basis-56">
                <p className="flex items-center gap-2" title={session.user_agent}>
                  {agent}
                  {session.current ? <Badge tone="live">{t("account.thisOne")}</Badge> : null}
                </p>
                <p className="text-sm text-muted">
                  <span className="font-mono text-xs">{session.ip_address}</span> · {t("account.seen")}{" "}
                  <Ago time={session.last_seen_at} />
                </p>
              </div>
              {session.current ? null : (
                <Button
                  size="sm"
                  busy={ending.isPending && ending.variables.id === session.id}
                  aria-label={t("account.endSessionOf", { agent, address: session.ip_address })}
                  onClick={() => ending.mutate(session)}
                >
                  {t("account.endSession")}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
