// Who is looking, and what that person may do.
import { useQuery } from "@tanstack/react-query";
import { queries } from "./queries";
import type { Me, Role } from "./schema";

const RANK: Record<Role, number> = { viewer: 0, user: 1, admin: 2 };

export function atLeast(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && RANK[role] >= RANK[needed];
}

/** The signed-in person. Only pages behind the gate call this, so there always is one. */
export function useMe(): Me | undefined {
  return useQuery(queries.authStatus()).data?.user ?? undefined;
}

/** True when the signed-in person's role reaches the needed one. */
export function useMay(needed: Role): boolean {
  return atLeast(useMe()?.role, needed);
}
