// The columns of the list of users.
import type { ColumnDef } from "@tanstack/react-table";
import type { TFunction } from "i18next";
import type { User } from "@/api/schema";
import { Badge, State } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import { clockTime } from "@/ui/format";
import { Ago } from "@/ui/time";
import { userState } from "./values";

const TONE = { active: "live", disabled: "neutral", locked: "degraded" } as const;

export function userColumns(t: TFunction, ownUuid: string | undefined, now: number): ColumnDef<User>[] {
  return [
    {
      id: "name",
      accessorFn: (user) => user.name.toLowerCase(),
      header: t("users.name"),
      cell: ({ row: { original: user } }) => (
        <div className="min-w-0">
          <span className="flex items-center gap-2">
            <TextLink to={`/users/${user.uuid}`} className="font-medium">
              {user.name}
            </TextLink>
            {user.uuid === ownUuid ? <Badge tone="accent">{t("users.you")}</Badge> : null}
          </span>
          <p className="truncate text-xs text-muted">{user.email}</p>
        </div>
      ),
    },
    { id: "role", accessorFn: (user) => t(`role.${user.role}`), header: t("users.role") },
    {
      id: "state",
      accessorFn: (user) => userState(user, now),
      header: t("users.state"),
      cell: ({ row: { original: user } }) => {
        const state = userState(user, now);
        return (
          <State tone={TONE[state]}>
            {t(`users.states.${state}`)}
            {state === "locked" && user.locked_until ? (
              <span className="text-xs text-muted">
                {t("users.lockedUntil", { time: clockTime(user.locked_until) })}
              </span>
            ) : null}
          </State>
        );
      },
    },
    {
      id: "last",
      accessorFn: (user) => user.last_login ?? "",
      header: t("users.lastLogin"),
      cell: ({ row: { original: user } }) =>
        user.last_login ? (
          <Ago time={user.last_login} />
        ) : (
          <span className="text-muted">{t("ui.never")}</span>
        ),
      meta: { align: "right" },
    },
  ];
}
