// What makes the form of a user complete.
import { z } from "zod";

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
