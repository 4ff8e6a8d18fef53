// This machine in the console of crowdsec.net: what an enrolment needs, how it stands, and one attempt at a time.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { AgentConsole } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { dateTime, sentence } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { Checkbox } from "@/ui/toggle";
import { CONSOLE_TONE } from "./values";

export function Console() {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const shown = useQuery(queries.crowdsecConsole());
  if (shown.error && !shown.data)
    return <LoadFailed error={shown.error} retry={() => void shown.refetch()} />;
  if (!shown.data) return <SkeletonRows rows={4} />;
  const { data } = shown;
  return (
    <>
      <Card title={t("crowdsec.console.title")}>
        <div className="flex flex-col gap-4">
          <Facts
            items={[
              {
                name: t("crowdsec.console.stateName"),
                value: (
                  <>
                    <State tone={CONSOLE_TONE[data.state]}>{t(`crowdsec.console.state.${data.state}`)}</State>
                    {data.name ? <p className="text-sm text-muted">{data.name}</p> : null}
                    {data.last_attempt_at ? (
                      <p className="text-sm text-muted">
                        {t("crowdsec.console.attempt")} {dateTime(data.last_attempt_at)}
                      </p>
                    ) : null}
                  </>
                ),
              },
              {
                name: t("crowdsec.console.agent"),
                value: (
                  <>
                    <State tone={data.agent_runs ? "live" : "failing"}>
                      {t(data.agent_runs ? "crowdsec.console.runs" : "crowdsec.console.doesNotRun")}
                    </State>
                    <p className="text-sm text-muted">{sentence(data.agent_message)}</p>
                  </>
                ),
              },
              {
                name: t("crowdsec.console.account"),
                value: t(data.registered ? "crowdsec.console.registered" : "crowdsec.console.notRegistered"),
              },
            ]}
          />
          {data.state === "pending_acceptance" ? <Notice>{t("crowdsec.console.accept")}</Notice> : null}
          {data.state === "failed" ? (
            <Notice tone="failing" title={t("crowdsec.console.failed")}>
              {sentence(data.message)}
            </Notice>
          ) : null}
        </div>
      </Card>
      {mayEdit ? <EnrollForm shown={data} /> : null}
    </>
  );
}

function EnrollForm({ shown }: { shown: AgentConsole }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const leaving = useDialog("leave");
  const [key, setKey] = useState("");
  const [name, setName] = useState(shown.name);
  const [overwrite, setOverwrite] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: ["security", "console"] });
  const enrolling = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/security/crowdsec/console", {
          body: { key: key.trim() || null, name: name.trim(), overwrite },
        }),
      ),
    onSuccess: (now) => {
      if (now.state !== "failed") setKey("");
      return refresh();
    },
  });
  const leave = useMutation({
    mutationFn: () => api.DELETE("/api/v1/security/crowdsec/console"),
    onSuccess: () => {
      leaving.close();
      return refresh();
    },
  });
  const busy = enrolling.isPending || shown.state === "registering";
  return (
    <Card title={t("crowdsec.console.enroll")}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          enrolling.mutate();
        }}
      >
        <p className="text-muted">{t("crowdsec.console.about")}</p>
        {enrolling.error ? <Notice tone="failing">{problemText(t, enrolling.error)}</Notice> : null}
        <Field
          label={t("crowdsec.console.key")}
          hint={t(shown.key_present ? "crowdsec.console.keyKept" : "crowdsec.console.keyHint")}
        >
          {(wired) => (
            <Input
              {...wired}
              type="password"
              autoComplete="off"
              required={!shown.key_present}
              maxLength={300}
              value={key}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("crowdsec.console.name")}>
          {(wired) => (
            <Input
              {...wired}
              required
              maxLength={64}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Checkbox
          visibleLabel
          checked={overwrite}
          onChange={setOverwrite}
          label={t("crowdsec.console.overwrite")}
        />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" busy={busy} disabled={busy || !shown.agent_runs}>
            {t("crowdsec.console.enroll")}
          </Button>
          {shown.registered || shown.state !== "not_enrolled" ? (
            <Button disabled={busy} onClick={() => leaving.open()}>
              {t("crowdsec.console.leave")}
            </Button>
          ) : null}
        </div>
        {shown.agent_runs ? null : <p className="text-sm text-muted">{t("crowdsec.console.needsAgent")}</p>}
      </form>
      <Confirm
        open={leaving.value !== null}
        title={t("crowdsec.console.leaveTitle")}
        action={t("crowdsec.console.leave")}
        busy={leave.isPending}
        error={leave.error}
        onClose={leaving.close}
        onConfirm={() => leave.mutate()}
      >
        {t("crowdsec.console.leaveText")}
      </Confirm>
    </Card>
  );
}
