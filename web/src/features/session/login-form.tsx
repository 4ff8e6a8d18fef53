// The sign-in form: on its own page, and over a page whose session has ended.
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import type { Me } from "@/api/schema";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { waitText } from "./values";

export function LoginForm({ email: known, onDone }: { email: string; onDone: (me: Me) => void }) {
  const { t } = useTranslation();
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [openAt, setOpenAt] = useState(0);
  const left = useCountdown(openAt);

  const submit = async () => {
    setMissing(true);
    if (!email.trim() || !password || busy || left > 0) return;
    setBusy(true);
    setError(null);
    try {
      const { user } = await body(
        api.POST("/api/v1/auth/login", { body: { email: email.trim(), password } }),
      );
      onDone(user);
    } catch (problem) {
      if (problem instanceof ApiProblem && problem.retryAfter)
        setOpenAt(Date.now() + problem.retryAfter * 1000);
      setError(problem);
      setPassword("");
      setMissing(false);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      noValidate
      aria-label={t("session.signIn")}
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Field label={t("session.email")} error={missing && !email.trim() ? t("session.needEmail") : undefined}>
        {(wired) => (
          <Input
            {...wired}
            type="email"
            name="email"
            autoComplete="username"
            autoFocus={!known}
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        )}
      </Field>
      <Field
        label={t("session.password")}
        error={missing && !password ? t("session.needPassword") : undefined}
      >
        {(wired) => (
          <Input
            {...wired}
            type="password"
            name="password"
            autoComplete="current-password"
            autoFocus={known !== ""}
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      {left > 0 ? (
        <Notice tone="degraded">
          <span role="timer">{t("session.locked", { time: waitText(left) })}</span>
        </Notice>
      ) : error ? (
        <Notice tone="failing">{problemText(t, error)}</Notice>
      ) : null}
      <Button type="submit" look="primary" busy={busy} disabled={left > 0} className="w-full">
        {busy ? t("session.signingIn") : t("session.signIn")}
      </Button>
    </form>
  );
}

/** Whole seconds until the moment, 0 when it has come. */
function useCountdown(moment: number): number {
  const [now, setNow] = useState(() => Date.now());
  const waiting = moment > now;
  useEffect(() => {
    if (moment === 0) return;
    const first = setTimeout(() => setNow(Date.now()), 0);
    const clock = setInterval(() => setNow(Date.now()), 1_000);
    return () => {
      clearTimeout(first);
      clearInterval(clock);
    };
  }, [moment]);
  return waiting ? Math.ceil((moment - now) / 1000) : 0;
}
