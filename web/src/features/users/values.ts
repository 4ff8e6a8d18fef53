// The state of a user.
import type { User } from "@/api/schema";

export function userState(user: User, now: number): "active" | "disabled" | "locked" {
  if (!user.enabled) return "disabled";
  return user.locked_until && new Date(user.locked_until).getTime() > now ? "locked" : "active";
}
