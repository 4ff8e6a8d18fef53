// The values of the sign-in and set-up forms and what makes them complete.
import { z } from "zod";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

export const MIN_PASSWORD = 10;

/** Where to go after signing in: only paths of this interface, never another origin. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith("/") || next.startsWith("//") || next.startsWith("/\\")) return "/";
  return next.startsWith("/login") || next.startsWith("/setup") ? "/" : next;
}

export function waitText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

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
