// The revisions that changed one host.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Dialog, useDialog } from "@/ui/dialog";
import { Empty, LoadFailed } from "@/ui/notice";
import { RestoreDialog, RevisionChanges, actorName } from "@/ui/revision-changes";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";

export function HostHistory({ uuid }: { uuid: string }) {
  const { t } = useTranslation();
  const history = useQuery(queries.hostHistory(uuid));
  const revisions = useQuery(queries.revisions());
  const mayEdit = useMay("admin");
  const change = useDialog("change");
  const restore = useDialog("restore");
  const current = revisions.data?.find((each) => each.success)?.revision ?? undefined;
  if (history.error && !history.data)
    return <LoadFailed error={history.error} retry={() => void history.refetch()} />;
  if (!history.data) return <SkeletonRows rows={4} />;
  if (history.data.length === 0)
    return (
      <Card>
        <Empty title={t("hosts.page.noHistory")} />
      </Card>
    );
  return (
    <Card flush>
      <ul className="divide-y divide-line">
        {history.data.map((each) => (
          <li key={each.applied_at} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
            <span className="w-12 font-mono text-sm text-muted">{each.revision ?? "–"}</span>
            <div className="min-w-0 flex-1 basis-60">
              <p className="wrap-anywhere">{each.summary}</p>
              {each.error_msg ? <p className="text-sm text-failing wrap-anywhere">{each.error_msg}</p> : null}
              <p className="text-sm text-muted">
                {actorName(t, each.actor)} · <Ago time={each.applied_at} />
              </p>
            </div>
            {each.success ? null : <State tone="failing">{t("revisions.failed")}</State>}
            <div className="flex gap-2">
              {each.revision ? (
                <Button size="sm" onClick={() => change.open(String(each.revision))}>
                  {t("hosts.page.change")}
                </Button>
              ) : null}
              {mayEdit && each.success && each.revision && each.revision !== current ? (
                <Button size="sm" onClick={() => restore.open(String(each.revision))}>
                  {t("revisions.restore")}
                </Button>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      <Dialog
        side
        open={change.value !== null}
        onClose={change.close}
        title={t("revisions.page", { revision: change.value })}
      >
        {change.value ? <RevisionChanges revision={Number(change.value)} /> : null}
      </Dialog>
      <RestoreDialog
        revision={restore.value ? Number(restore.value) : null}
        current={current}
        onClose={restore.close}
      />
    </Card>
  );
}
