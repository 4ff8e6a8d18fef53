// Sign-in as a page of its own.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { queries } from "@/api/queries";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { Frame } from "./frame";
import { LoginForm } from "./login-form";
import { safeNext } from "./values";

export default function LoginPage() {
  const { t } = useTranslation();
  const [params] = useSearchParams();
  const client = useQueryClient();
  const navigate = useNavigate();
  const next = safeNext(params.get("next"));
  const status = useQuery(queries.authStatus());
  const setup = useQuery(queries.setup());
  useEffect(() => {
    document.title = `${t("session.signIn")} · Charon`;
  }, [t]);

  if (status.data?.authenticated) return <Navigate to={next} replace />;
  if (setup.data?.setupRequired) return <Navigate to="/setup" replace />;
  // What keeps everybody out is told in one place.
  if (status.error ?? setup.error) return <Navigate to="/" replace />;
  return (
    <Frame title="Charon">
      <Card>
        <LoginForm
          email=""
          onDone={(user) => {
            client.setQueryData(queries.authStatus().queryKey, { authenticated: true, user });
            void navigate(next, { replace: true });
          }}
        />
      </Card>
      {next === "/" ? null : <p className="mt-3 px-1 text-sm text-muted">{t("session.next")}</p>}
      <details className="mt-4 px-1 text-sm text-muted">
        <summary className="w-fit cursor-pointer rounded-sm py-2 hover:text-text">
          {t("session.forgot")}
        </summary>
        <p className="mb-2">{t("session.forgotText")}</p>
        <Command text="charon reset-password you@example.com" />
      </details>
    </Frame>
  );
}
