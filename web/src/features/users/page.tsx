// The list of users.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, LockOpen, Pencil, Plus, Trash2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queries } from "@/api/queries";
import { useMe } from "@/api/session";
import type { User } from "@/api/schema";
import { ButtonLink } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { FilterSelect, ListPage } from "@/ui/list-page";
import type { MenuItem } from "@/ui/menu";
import { Empty } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { useNow } from "@/ui/time";
import { toast } from "@/ui/toast";
import { useParam } from "@/ui/url-state";
import { userColumns } from "./columns";
import { PasswordDialog } from "./password-dialog";
import { userState } from "./values";

export default function UsersPage() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const me = useMe();
  const now = useNow();
  const users = useQuery(queries.users());
  const [role] = useParam("role");
  const deleting = useDialog("delete");
  const password = useDialog("password");
  const minute = Math.floor(now / 60_000) * 60_000;
  const columns = useMemo(() => userColumns(t, me?.uuid, minute), [t, me?.uuid, minute]);
  const find = (uuid: string | null) => users.data?.find((user) => user.uuid === uuid);
  const toDelete = find(deleting.value);

  const unlock = useMutation({
    mutationFn: (user: User) =>
      api.POST("/api/v1/users/{uuid}/unlock", { params: { path: { uuid: user.uuid } } }),
    onSuccess: (_, user) => toast("live", t("users.unlocked", { name: user.name })),
    onError: (error) => toast("failing", problemText(t, error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["users"] }),
  });
  const remove = useMutation({
    mutationFn: (user: User) => api.DELETE("/api/v1/users/{uuid}", { params: { path: { uuid: user.uuid } } }),
    onSuccess: (_, user) => {
      toast("live", t("users.deleted", { name: user.name }));
      deleting.close();
      return client.invalidateQueries({ queryKey: ["users"] });
    },
  });

  const rowActions = (user: User): MenuItem[][] => [
    [
      { label: t("ui.edit"), icon: <Pencil aria-hidden size={16} />, to: `/users/${user.uuid}` },
      {
        label: t("users.setPassword"),
        icon: <KeyRound aria-hidden size={16} />,
        onSelect: () => password.open(user.uuid),
      },
      ...(userState(user, now) === "locked"
        ? [
            {
              label: t("users.unlock"),
              icon: <LockOpen aria-hidden size={16} />,
              onSelect: () => unlock.mutate(user),
            },
          ]
        : []),
    ],
    ...(user.uuid === me?.uuid
      ? []
      : [
          [
            {
              label: t("ui.delete"),
              icon: <Trash2 aria-hidden size={16} />,
              danger: true,
              onSelect: () => deleting.open(user.uuid),
            },
          ],
        ]),
  ];

  return (
    <>
      <ListPage
        title={t("users.title")}
        description={t("users.description")}
        actions={
          <ButtonLink look="primary" to="/users/new" icon={<Plus aria-hidden size={16} />}>
            {t("users.add")}
          </ButtonLink>
        }
        query={users}
        columns={columns}
        rowId={(user) => user.uuid}
        rowName={(user) => user.name}
        searchText={(user) => `${user.name} ${user.email}`}
        searchLabel={t("users.search")}
        defaultSort="name"
        filters={
          <FilterSelect
            name="role"
            label={t("users.anyRole")}
            options={(["admin", "user", "viewer"] as const).map((value) => ({
              value,
              label: t(`role.${value}`),
            }))}
          />
        }
        filter={(user) => !role || user.role === role}
        rowActions={rowActions}
        empty={<Empty title={t("users.emptyTitle")} />}
      />
      <PasswordDialog user={find(password.value)} onClose={password.close} />
      <Confirm
        open={toDelete !== undefined}
        title={t("users.deleteTitle", { name: toDelete?.name })}
        action={t("ui.delete")}
        busy={remove.isPending}
        error={remove.error}
        onClose={() => {
          remove.reset();
          deleting.close();
        }}
        onConfirm={() => toDelete && remove.mutate(toDelete)}
      >
        {t("users.deleteText")}
      </Confirm>
    </>
  );
}
