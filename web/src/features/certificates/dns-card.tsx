// DNS providers: which zones each one proves, who uses it, and what a trial says step by step.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import type { DnsCredential, DnsTrial } from "@/api/schema";
import { State } from "@/ui/badge";
import { Button, TextLink } from "@/ui/button";
import { Card } from "@/ui/card";
import type { Tone } from "@/ui/classes";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { sentence } from "@/ui/format";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { DnsCredentialForm } from "./dns-form";

const TONES: Record<DnsTrial["steps"][number]["outcome"], Tone> = {
  done: "live",
  failed: "failing",
  unclear: "degraded",
  skipped: "neutral",
};

export function DnsCredentialsCard() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const rows = useQuery(queries.dnsCredentials());
  const editing = useDialog("dns");
  const deleting = useDialog("dns-delete");
  const removing = useMutation({
    mutationFn: (uuid: string) =>
      api.DELETE("/api/v1/dns-credentials/{uuid}", { params: { path: { uuid } } }),
    onSuccess: () => {
      toast("live", t("dnsCredentials.deleted", { name: gone?.name }));
      deleting.close();
      return client.invalidateQueries({ queryKey: queries.dnsCredentials().queryKey });
    },
  });
  const gone = rows.data?.find((each) => each.uuid === deleting.value);
  const edited = rows.data?.find((each) => each.uuid === editing.value);
  if (rows.error && !rows.data) return <LoadFailed error={rows.error} retry={() => void rows.refetch()} />;
  return (
    <Card
      flush
      title={t("dnsCredentials.title")}
      aside={
        <Button size="sm" onClick={() => editing.open("new")}>
          {t("dnsCredentials.add")}
        </Button>
      }
    >
      <p className="max-w-prose px-4 py-3 text-muted">{t("dnsCredentials.text")}</p>
      {rows.isPending ? <SkeletonRows rows={2} /> : null}
      {rows.data?.length === 0 ? <Empty title={t("dnsCredentials.none")} /> : null}
      {rows.data && rows.data.length > 0 ? (
        <ul className="divide-y divide-line border-t border-line">
          {rows.data.map((row) => (
            <Row
              key={row.uuid}
              row={row}
              onEdit={() => editing.open(row.uuid)}
              onDelete={() => deleting.open(row.uuid)}
            />
          ))}
        </ul>
      ) : null}
      {editing.value === "new" || edited ? (
        <DnsCredentialForm key={editing.value} stored={edited} onClose={editing.close} />
      ) : null}
      <Confirm
        open={gone !== undefined}
        title={t("dnsCredentials.deleteTitle", { name: gone?.name })}
        action={t("ui.delete")}
        busy={removing.isPending}
        error={removing.error}
        onClose={() => {
          removing.reset();
          deleting.close();
        }}
        onConfirm={() => gone && removing.mutate(gone.uuid)}
      >
        {gone && gone.used_by.length > 0
          ? t("dnsCredentials.deleteUsed", { hosts: gone.used_by.map((host) => host.name).join(", ") })
          : t("dnsCredentials.deleteText")}
      </Confirm>
    </Card>
  );
}

function Row({ row, onEdit, onDelete }: { row: DnsCredential; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTranslation();
  const kinds = useQuery(queries.dnsKinds());
  const trying = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/dns-credentials/{uuid}/test", { params: { path: { uuid: row.uuid } }, body: {} }),
      ),
  });
  const kind = kinds.data?.find((each) => each.name === row.kind)?.label ?? row.kind;
  return (
    <li className="flex flex-col gap-2 px-4 py-3">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0 flex-1 basis-60">
          <p className="font-medium wrap-anywhere">{row.name}</p>
          <p className="text-sm text-muted wrap-anywhere">
            {[row.name === kind ? "" : kind, row.zones.join(", ")].filter(Boolean).join(" · ")}
            {row.every_name ? ` · ${t("dnsCredentials.provesAll")}` : ""}
          </p>
          <p className="text-sm text-muted">
            {row.used_by.length === 0 ? t("dnsCredentials.usedByNobody") : `${t("dnsCredentials.usedBy")} `}
            {row.used_by.map((host) => (
              <TextLink key={host.uuid} to={`/proxy-hosts/${host.uuid}`} className="mr-2">
                {host.name}
              </TextLink>
            ))}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          <Button size="sm" busy={trying.isPending} onClick={() => trying.mutate()}>
            {t("dnsCredentials.try")}
          </Button>
          <Button size="sm" onClick={onEdit} aria-label={t("dnsCredentials.change", { name: row.name })}>
            {t("dnsCredentials.edit")}
          </Button>
          <Button
            size="sm"
            onClick={onDelete}
            aria-label={t("dnsCredentials.deleteTitle", { name: row.name })}
          >
            {t("ui.delete")}
          </Button>
        </div>
      </div>
      {trying.isPending ? (
        <p role="status" className="text-sm text-muted">
          {t("dnsCredentials.trying")}
        </p>
      ) : null}
      {trying.error ? <Notice tone="failing">{problemText(t, trying.error)}</Notice> : null}
      {trying.data ? <Trial trial={trying.data} /> : null}
    </li>
  );
}

function Trial({ trial }: { trial: DnsTrial }) {
  const { t } = useTranslation();
  return (
    <div role="status" className="flex flex-col gap-2 rounded-md border border-line p-3 text-sm">
      <State tone={trial.works ? "live" : "failing"}>
        {t(trial.works ? "dnsCredentials.works" : "dnsCredentials.fails", { zone: trial.zone })}
      </State>
      <ol className="flex flex-col gap-1">
        {trial.steps.map((step) => (
          <li key={step.name} className="flex flex-wrap items-baseline gap-x-2">
            <State tone={TONES[step.outcome]}>
              {t(`dnsCredentials.step.${step.name}`)}: {t(`dnsCredentials.outcome.${step.outcome}`)}
            </State>
            <span className="min-w-0 text-muted wrap-anywhere">{sentence(step.message)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
