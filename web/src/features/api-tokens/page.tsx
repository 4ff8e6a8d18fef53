// API tokens: list, create (shown once), end.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import type { TFunction } from "i18next";
import { Plus, Trash2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { ApiToken, Scope } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { ListPage } from "@/ui/list-page";
import { Empty } from "@/ui/notice";
import { Ago, useNow } from "@/ui/time";
import { toast } from "@/ui/toast";
import { CreateToken } from "./create";

function columns(t: TFunction, now: number): ColumnDef<ApiToken>[] {
  return [
    {
      id: "name",
      accessorFn: (token) => token.name.toLowerCase(),
      header: t("tokens.name"),
      cell: ({ row: { original } }) => (
        <div>
          <span className="font-medium">{original.name}</span>
          <p className="font-mono text-xs text-muted">{original.prefix}…</p>
        </div>
      ),
    },
    {
      id: "scopes",
      accessorFn: (token) => token.scopes.join(" "),
      header: t("tokens.scopes"),
      cell: ({ row: { original } }) => (
        <span className="flex flex-wrap gap-1">
          {original.scopes.map((scope) => (
            <Badge key={scope} tone={scope === "admin" ? "accent" : "neutral"}>
              {t(`tokens.scope.${scope as Scope}`)}
            </Badge>
          ))}
        </span>
      ),
    },
    { id: "owner", accessorFn: (token) => token.owner.name, header: t("tokens.owner") },
    {
      id: "expires",
      accessorFn: (token) => token.expires_at ?? "9",
      header: t("tokens.expires"),
      cell: ({ row: { original } }) => {
        if (!original.expires_at) return <span className="text-muted">{t("ui.never")}</span>;
        return new Date(original.expires_at).getTime() < now ? (
          <Badge tone="failing">{t("tokens.expired")}</Badge>
        ) : (
          <Ago time={original.expires_at} />
        );
      },
    },
    {
      id: "used",
      accessorFn: (token) => token.last_used_at ?? "",
      header: t("tokens.lastUsed"),
      cell: ({ row: { original } }) =>
        original.last_used_at ? (
          <Ago time={original.last_used_at} />
        ) : (
          <span className="text-muted">{t("ui.never")}</span>
        ),
      meta: { align: "right" },
    },
  ];
}

export default function TokensPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const admin = useMay("admin");
  const mayCreate = useMay("user");
  const tokens = useQuery(queries.tokens(admin));
  const creating = useDialog("create");
  const ending = useDialog("end");
  const minute = Math.floor(useNow() / 60_000) * 60_000;
  const shown = useMemo(() => columns(t, minute), [t, minute]);
  const toEnd = tokens.data?.find((token) => token.uuid === ending.value);
  const remove = useMutation({
    mutationFn: (token: ApiToken) =>
      api.DELETE("/api/v1/api-tokens/{uuid}", { params: { path: { uuid: token.uuid } } }),
    onSuccess: (_, token) => {
      toast("live", t("tokens.deleted", { name: token.name }));
      ending.close();
      return client.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
  const add = mayCreate ? (
    <Button look="primary" icon={<Plus aria-hidden size={16} />} onClick={() => creating.open()}>
      {t("tokens.add")}
    </Button>
  ) : undefined;
  return (
    <>
      <ListPage
        title={t("tokens.title")}
        description={t("tokens.description")}
        actions={tokens.data?.length === 0 ? undefined : add}
        query={tokens}
        columns={shown}
        rowId={(token) => token.uuid}
        rowName={(token) => token.name}
        searchText={(token) => `${token.name} ${token.owner.name} ${token.prefix}`}
        searchLabel={t("tokens.search")}
        defaultSort="name"
        rowActions={(token) => [
          [
            {
              label: t("tokens.delete"),
              icon: <Trash2 aria-hidden size={16} />,
              danger: true,
              onSelect: () => ending.open(token.uuid),
            },
          ],
        ]}
        empty={
          <Empty title={t("tokens.emptyTitle")} action={add}>
            {mayCreate ? t("tokens.emptyText") : t("tokens.viewerText")}
          </Empty>
        }
      />
      {creating.value !== null && mayCreate ? <CreateToken onClose={creating.close} /> : null}
      <Confirm
        open={toEnd !== undefined}
        title={t("tokens.deleteTitle", { name: toEnd?.name })}
        action={t("tokens.delete")}
        busy={remove.isPending}
        error={remove.error}
        onClose={() => {
          remove.reset();
          ending.close();
        }}
        onConfirm={() => toEnd && remove.mutate(toEnd)}
      >
        {t("tokens.deleteText")}
      </Confirm>
    </>
  );
}
