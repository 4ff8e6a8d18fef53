// The list of hosts.
import { useQuery } from "@tanstack/react-query";
import { Copy, ExternalLink, Pencil, Plus, Power, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { BulkRequest, Host } from "@/api/schema";
import { Button, ButtonLink } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { ReadOnlyNote } from "@/ui/read-only-note";
import { Dialog, useDialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { FilterSelect, ListPage } from "@/ui/list-page";
import type { MenuItem } from "@/ui/menu";
import { Empty, Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { useParam } from "@/ui/url-state";
import { useHostActions } from "./actions";
import { hostColumns } from "./columns";
import { hostName, isProtected, phaseOf, splitList, targetText } from "./values";

export default function HostsPage() {
  const { t } = useTranslation();
  const hosts = useQuery(queries.hosts());
  const certificates = useQuery(queries.certificates());
  const mayEdit = useMay("admin");
  const actions = useHostActions();
  const [state] = useParam("state");
  const [tag] = useParam("tag");
  const deleting = useDialog("delete");
  const columns = useMemo(() => hostColumns(t, certificates.data ?? []), [t, certificates.data]);
  const tags = [...new Set((hosts.data ?? []).flatMap((host) => host.tags))].sort();
  const toDelete = hosts.data?.find((host) => host.uuid === deleting.value);

  const rowActions = (host: Host): MenuItem[][] => {
    const scheme = host.ssl_forced ? "https" : "http";
    const domain = host.domains.find((each) => !each.includes("*"));
    const look: MenuItem[] = domain
      ? [
          {
            label: t("hosts.visit"),
            icon: <ExternalLink aria-hidden size={16} />,
            onSelect: () => window.open(`${scheme}://${domain}`, "_blank", "noopener"),
          },
        ]
      : [];
    if (!mayEdit) return [[{ label: t("hosts.open"), to: `/proxy-hosts/${host.uuid}` }, ...look]];
    return [
      [
        { label: t("ui.edit"), icon: <Pencil aria-hidden size={16} />, to: `/proxy-hosts/${host.uuid}/edit` },
        ...(isProtected(host)
          ? []
          : [
              {
                label: t("hosts.clone"),
                icon: <Copy aria-hidden size={16} />,
                to: `/proxy-hosts/new?from=${host.uuid}`,
              },
            ]),
        {
          label: host.enabled ? t("hosts.disable") : t("hosts.enable"),
          icon: <Power aria-hidden size={16} />,
          onSelect: () => void actions.setEnabled(host, !host.enabled),
        },
        ...look,
      ],
      [
        {
          label: t("hosts.delete"),
          icon: <Trash2 aria-hidden size={16} />,
          danger: true,
          onSelect: () => (host.carried.length > 0 ? deleting.open(host.uuid) : void actions.remove(host)),
        },
      ],
    ];
  };

  const add = mayEdit ? (
    <ButtonLink look="primary" to="/proxy-hosts/new" icon={<Plus aria-hidden size={16} />}>
      {t("hosts.add")}
    </ButtonLink>
  ) : undefined;

  return (
    <>
      <ListPage
        title={t("hosts.title")}
        description={t("hosts.description")}
        actions={mayEdit ? hosts.data?.length === 0 ? undefined : add : <ReadOnlyNote />}
        query={hosts}
        columns={columns}
        rowId={(host) => host.uuid}
        rowName={hostName}
        searchText={(host) => [host.name, host.domain_names, targetText(host), ...host.tags].join(" ")}
        searchLabel={t("hosts.search")}
        defaultSort="name"
        filters={
          <>
            <FilterSelect
              name="state"
              label={t("hosts.allStates")}
              options={(["serving", "maintenance", "disabled", "left_out", "pending"] as const).map(
                (value) => ({
                  value,
                  label: t(`hosts.states.${value}`),
                }),
              )}
            />
            {tags.length > 0 ? (
              <FilterSelect
                name="tag"
                label={t("hosts.allTags")}
                options={tags.map((value) => ({ value, label: value }))}
              />
            ) : null}
          </>
        }
        filter={(host) => (!state || phaseOf(host) === state) && (!tag || host.tags.includes(tag))}
        rowActions={rowActions}
        {...(mayEdit
          ? { bulk: (rows: Host[], clear: () => void) => <BulkActions hosts={rows} clear={clear} /> }
          : {})}
        empty={
          <Empty title={t("hosts.emptyTitle")} action={add}>
            {t("hosts.emptyText")}
          </Empty>
        }
      />
      <Confirm
        open={toDelete !== undefined}
        title={t("hosts.deleteOne", { name: toDelete ? hostName(toDelete) : "" })}
        action={t("hosts.delete")}
        busy={false}
        onClose={deleting.close}
        onConfirm={() => {
          if (toDelete) void actions.remove(toDelete);
          deleting.close();
        }}
      >
        {t("hosts.deleteCarried")}
      </Confirm>
    </>
  );
}

function BulkActions({ hosts, clear }: { hosts: Host[]; clear: () => void }) {
  const { t } = useTranslation();
  const { bulk, fail } = useHostActions();
  const [asking, setAsking] = useState<"delete" | "add_tags" | "remove_tags" | null>(null);
  const [tags, setTags] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const run = async (request: Omit<BulkRequest, "uuids">) => {
    setBusy(true);
    setError(null);
    try {
      await bulk({ ...request, uuids: hosts.map((host) => host.uuid) });
      setAsking(null);
      setTags("");
      if (request.action === "delete") clear();
    } catch (problem) {
      if (asking === null) fail(problem);
      else setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const ask = (what: typeof asking) => {
    setError(null);
    setAsking(what);
  };
  return (
    <>
      <Button size="sm" busy={busy} onClick={() => void run({ action: "enable" })}>
        {t("hosts.enable")}
      </Button>
      <Button size="sm" busy={busy} onClick={() => void run({ action: "disable" })}>
        {t("hosts.disable")}
      </Button>
      <Button size="sm" onClick={() => ask("add_tags")}>
        {t("hosts.addTag")}
      </Button>
      <Button size="sm" onClick={() => ask("remove_tags")}>
        {t("hosts.removeTag")}
      </Button>
      <Button size="sm" look="danger" onClick={() => ask("delete")}>
        {t("hosts.delete")}
      </Button>
      <Confirm
        open={asking === "delete"}
        title={t("hosts.deleteMany", { count: hosts.length })}
        action={t("hosts.delete")}
        busy={busy}
        error={error}
        onClose={() => {
          setError(null);
          setAsking(null);
        }}
        onConfirm={() => void run({ action: "delete" })}
      >
        <p>{t("hosts.deleteManyText")}</p>
        <ul className="list-disc pl-5 text-text">
          {hosts.map((host) => (
            <li key={host.uuid}>{hostName(host)}</li>
          ))}
        </ul>
      </Confirm>
      <Dialog
        open={asking === "add_tags" || asking === "remove_tags"}
        onClose={() => setAsking(null)}
        title={t(asking === "add_tags" ? "hosts.tagDialogAdd" : "hosts.tagDialogRemove", {
          count: hosts.length,
        })}
        footer={
          <>
            <Button onClick={() => setAsking(null)}>{t("ui.cancel")}</Button>
            <Button
              look="primary"
              busy={busy}
              disabled={splitList(tags).length === 0}
              onClick={() =>
                void run({
                  action: asking === "add_tags" ? "add_tags" : "remove_tags",
                  tags: splitList(tags),
                })
              }
            >
              {asking === "add_tags" ? t("hosts.addTag") : t("hosts.removeTag")}
            </Button>
          </>
        }
      >
        <div className="flex flex-col gap-3 pb-4">
          <Field label={t("hosts.tagField")}>
            {(wired) => <Input {...wired} value={tags} onChange={(event) => setTags(event.target.value)} />}
          </Field>
          {error ? <Notice tone="failing">{problemText(t, error)}</Notice> : null}
        </div>
      </Dialog>
    </>
  );
}
