// The values of the user form, and the state of a user.
import { z } from "zod";
import type { User } from "@/api/schema";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

const base = z.object({
  name: z.string().trim().min(1, "users.form.needName"),
  email: z
    .string()
    .trim()
    .regex(/^[^\s@]+@[^\s@]+$/, "users.form.badEmail"),
  role: z.enum(["admin", "user", "viewer"]),
  enabled: z.boolean(),
  password: z.string(),
});

export const editSchema = base;
export const newSchema = base.extend({ password: z.string().min(10, "users.form.shortPassword") });
export type UserValues = z.infer<typeof base>;

export function userState(user: User, now: number): "active" | "disabled" | "locked" {
  if (!user.enabled) return "disabled";
  return user.locked_until && new Date(user.locked_until).getTime() > now ? "locked" : "active";
}
