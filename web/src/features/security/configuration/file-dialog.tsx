// One file: read, edit, look at what differs, save. What another person saved meanwhile is never overwritten unseen.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import type { AgentChange, AgentFileContent } from "@/api/schema";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Textarea } from "@/ui/field";
import { sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { lineDiff } from "./line-diff";

export function FileDialog({ path, onClose }: { path: string; onClose: () => void }) {
  const file = useQuery({ ...queries.crowdsecFile(path), enabled: path !== "" });
  const { t } = useTranslation();
  if (path === "") return <Editor file={undefined} onClose={onClose} />;
  if (file.data) return <Editor key={file.data.digest} file={file.data} onClose={onClose} />;
  return (
    <Dialog open onClose={onClose} title={path}>
      {file.error ? <Notice tone="failing">{problemText(t, file.error)}</Notice> : <SkeletonRows rows={4} />}
    </Dialog>
  );
}

function Editor({ file, onClose }: { file: AgentFileContent | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [path, setPath] = useState(file?.path ?? "config/scenarios/");
  const [text, setText] = useState(file?.content ?? "");
  const [looking, setLooking] = useState(false);
  const editable = file?.editable ?? true;
  const ended = (change: AgentChange) => {
    if (change.status === "applied" || !change.over) {
      toast(change.over ? "live" : "degraded", t(change.over ? "crowdsec.done" : "crowdsec.underWay"));
      onClose();
    }
    return client.invalidateQueries({ queryKey: ["security"] });
  };
  const saving = useMutation({
    mutationFn: () =>
      body(
        api.PUT("/api/v1/security/crowdsec/files", {
          body: { path: path.trim(), content: text, digest: file?.digest ?? null },
        }),
      ),
    onSuccess: ended,
  });
  const removing = useMutation({
    mutationFn: () => body(api.POST("/api/v1/security/crowdsec/files/delete", { body: { path } })),
    onSuccess: ended,
  });
  const busy = saving.isPending || removing.isPending;
  const error = saving.error ?? removing.error;
  const refused = saving.data ?? removing.data;
  const changed = text !== (file?.content ?? "");
  return (
    <Dialog
      open
      side
      onClose={onClose}
      title={file ? file.path : t("crowdsec.files.new")}
      footer={
        <>
          <Button onClick={onClose}>{t("ui.cancel")}</Button>
          {file?.origin === "own" ? (
            <Button busy={removing.isPending} disabled={busy} onClick={() => removing.mutate()}>
              {t(file.replaces ? "crowdsec.files.revert" : "crowdsec.files.remove")}
            </Button>
          ) : null}
          {!editable ? null : looking ? (
            <Button look="primary" busy={saving.isPending} disabled={busy} onClick={() => saving.mutate()}>
              {t("crowdsec.files.save")}
            </Button>
          ) : (
            <Button look="primary" disabled={!changed || path.trim() === ""} onClick={() => setLooking(true)}>
              {t("crowdsec.files.compare")}
            </Button>
          )}
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {editable ? null : <Notice>{t("crowdsec.files.readOnly")}</Notice>}
        {error ? <Notice tone="failing">{problemText(t, error)}</Notice> : null}
        {refused && refused.over && refused.status !== "applied" ? (
          <Notice tone="failing" title={t(`crowdsec.status.${refused.status as "failed" | "rolled_back"}`)}>
            {sentence(refused.error)}
          </Notice>
        ) : null}
        {file ? null : (
          <Field label={t("crowdsec.files.path")} hint={t("crowdsec.files.pathHint")}>
            {(wired) => <Input {...wired} value={path} onChange={(event) => setPath(event.target.value)} />}
          </Field>
        )}
        {looking ? (
          <>
            <Difference before={file?.content ?? ""} after={text} />
            <div>
              <Button size="sm" onClick={() => setLooking(false)}>
                {t("crowdsec.files.goOn")}
              </Button>
            </div>
          </>
        ) : (
          <Field label={t("crowdsec.files.text")}>
            {(wired) => (
              <Textarea
                {...wired}
                rows={22}
                spellCheck={false}
                className="font-mono text-xs"
                value={text}
                readOnly={!editable}
                onChange={(event) => setText(event.target.value)}
              />
            )}
          </Field>
        )}
      </div>
    </Dialog>
  );
}

function Difference({ before, after }: { before: string; after: string }) {
  const { t } = useTranslation();
  const tones = { "+": "text-live", "-": "text-failing", " ": "text-muted" };
  return (
    <pre
      tabIndex={0}
      aria-label={t("crowdsec.files.difference")}
      className="max-h-96 overflow-auto rounded-md border border-line bg-raised p-3 font-mono text-xs whitespace-pre-wrap"
    >
      {lineDiff(before, after).map((line, index) => (
        <div key={index} className={tones[line.mark]}>
          {line.mark} {line.text}
        </div>
      ))}
    </pre>
  );
}
