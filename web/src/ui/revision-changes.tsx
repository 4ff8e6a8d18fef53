// What a revision changed, and the way back to it. Used by the list of revisions and by a host's history.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import { Badge } from "./badge";
import { Confirm } from "./confirm";
import { DiffList } from "./diff";
import { LoadFailed } from "./notice";
import { Skeleton } from "./skeleton";
import { toast } from "./toast";

const KIND_TONE = { added: "live", removed: "failing", changed: "info" } as const;

/** Who caused a revision: a person, or Charon itself. */
export function actorName(t: TFunction, actor: string): string {
  return actor === "" || actor === "system" ? t("revisions.system") : actor;
}

// What a restore leaves as it is, under the names by which the API tells it.
const NOT_HOSTS = ["Settings", "Certificates"];

export function RevisionChanges({
  revision,
  against,
  onlyHosts = false,
}: {
  revision: number;
  against?: number;
  /** Leaves out what a restore does not bring back. */
  onlyHosts?: boolean;
}) {
  const { t } = useTranslation();
  const diff = useQuery(queries.revisionDiff(revision, against));
  if (diff.error) return <LoadFailed error={diff.error} retry={() => void diff.refetch()} />;
  if (!diff.data) return <Skeleton className="h-24 w-full" />;
  const changes = diff.data.changes.filter((change) => !onlyHosts || !NOT_HOSTS.includes(change.host));
  if (changes.length === 0)
    return <p className="text-muted">{t(onlyHosts ? "revisions.restoreNothing" : "revisions.noChange")}</p>;
  return (
    <div className="flex flex-col gap-5">
      {changes.map((change) => (
        <section key={change.host + change.kind} className="flex flex-col gap-2">
          <h3 className="flex items-center gap-2 font-medium wrap-anywhere">
            {change.host}
            <Badge tone={KIND_TONE[change.kind]}>{t(`revisions.kind.${change.kind}`)}</Badge>
          </h3>
          {onlyHosts && change.kind === "removed" ? null : <DiffList changes={change.fields} />}
        </section>
      ))}
    </div>
  );
}

/** Asks before the hosts go back to what they were, and shows what that changes. */
export function RestoreDialog({
  revision,
  current,
  onClose,
}: {
  revision: number | null;
  current: number | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const restore = async () => {
    if (revision === null) return;
    setBusy(true);
    setError(null);
    try {
      const made = await body(
        api.POST("/api/v1/revisions/{revision}/restore", { params: { path: { revision } } }),
      );
      await refreshServed(client);
      const same = made.revision === null || made.revision === undefined || made.revision === current;
      toast(
        "live",
        same
          ? t("revisions.restoredSame", { revision })
          : t("revisions.restored", { revision, made: made.revision }),
      );
      onClose();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Confirm
      open={revision !== null}
      title={t("revisions.restoreTitle", { revision })}
      action={t("revisions.restore")}
      danger={false}
      busy={busy}
      error={error}
      onConfirm={() => void restore()}
      onClose={onClose}
    >
      <p>{t("revisions.restoreText")}</p>
      {revision !== null && current !== undefined ? (
        <div className="flex flex-col gap-3 text-text">
          <p className="text-muted">{t("revisions.restoreChanges")}</p>
          <RevisionChanges revision={revision} against={current} onlyHosts />
        </div>
      ) : null}
    </Confirm>
  );
}
