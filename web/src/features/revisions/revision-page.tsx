// One applied configuration: what it changed, against which one, and the whole of it.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { useDialog } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { dateTime } from "@/ui/format";
import { LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { RestoreDialog, RevisionChanges, actorName } from "@/ui/revision-changes";
import { SkeletonRows } from "@/ui/skeleton";
import { useParam } from "@/ui/url-state";

export default function RevisionPage() {
  const { t } = useTranslation();
  const params = useParams();
  const revision = Number(params.revision);
  const item = useQuery(queries.revision(revision));
  const all = useQuery(queries.revisions());
  const mayEdit = useMay("admin");
  const restore = useDialog("restore");
  const [against, setAgainst] = useParam("against");
  const current = all.data?.find((each) => each.success)?.revision ?? undefined;
  const title = t("revisions.page", { revision });
  if (item.error && !item.data) return <LoadFailed error={item.error} retry={() => void item.refetch()} />;
  if (!item.data) return <SkeletonRows rows={6} />;
  const text = JSON.stringify(item.data.document, null, 2);
  return (
    <Page
      title={title}
      windowTitle={title}
      back={{ to: "/revisions", label: t("revisions.title") }}
      description={`${item.data.summary} · ${actorName(t, item.data.actor)} · ${dateTime(item.data.applied_at)}`}
      actions={
        mayEdit && item.data.success && revision !== current ? (
          <Button look="primary" onClick={() => restore.open(String(revision))}>
            {t("revisions.restore")}
          </Button>
        ) : undefined
      }
    >
      {revision === current ? <Notice title={t("revisions.current")} /> : null}
      {item.data.error_msg ? (
        <Notice tone="failing" title={t("revisions.error")}>
          {item.data.error_msg}
        </Notice>
      ) : null}
      <Card
        title={t("revisions.changesFirst")}
        aside={
          <label className="flex items-center gap-2 text-sm text-muted">
            <span className="whitespace-nowrap">{t("revisions.compare")}</span>
            <Select value={against} onChange={(event) => setAgainst(event.target.value)} className="w-auto!">
              <option value="">{t("revisions.before")}</option>
              {(all.data ?? [])
                .filter((each) => each.success && each.revision && each.revision !== revision)
                .map((each) => (
                  <option key={each.revision} value={String(each.revision)}>
                    {t("revisions.page", { revision: each.revision ?? "–" })}
                  </option>
                ))}
            </Select>
          </label>
        }
      >
        <RevisionChanges revision={revision} {...(against ? { against: Number(against) } : {})} />
      </Card>
      <Card title={t("revisions.document")} aside={<CopyButton text={text} />} flush>
        <pre
          tabIndex={0}
          aria-label={t("revisions.document")}
          className="max-h-120 overflow-auto p-4 font-mono text-xs focus-visible:-outline-offset-2"
        >
          {text}
        </pre>
      </Card>
      <p className="text-xs text-muted">
        {t("revisions.hash")}: <code className="font-mono wrap-anywhere">{item.data.hash}</code>
      </p>
      <RestoreDialog
        revision={restore.value ? Number(restore.value) : null}
        current={current}
        onClose={restore.close}
      />
    </Page>
  );
}
