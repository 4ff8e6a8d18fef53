// What makes the set-up form complete. The sign-in, which is part of every first load, needs no schema.
import { z } from "zod";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

export const MIN_PASSWORD = 10;

export const setupSchema = z.object({
  token: z.string().trim().min(1, "session.setup.needToken"),
  name: z.string().trim().min(1, "session.setup.needName"),
  email: z
    .string()
    .trim()
    .regex(/^[^\s@]+@[^\s@]+$/, "session.setup.badEmail"),
  password: z.string().min(MIN_PASSWORD, "session.setup.shortPassword"),
});

export type SetupValues = z.infer<typeof setupSchema>;
