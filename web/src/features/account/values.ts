// The values of the profile and password forms.
import { z } from "zod";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

export function profileSchema(currentEmail: string) {
  return z
    .object({
      name: z.string().trim().min(1, "account.needName"),
      email: z
        .string()
        .trim()
        .regex(/^[^\s@]+@[^\s@]+$/, "account.badEmail"),
      current_password: z.string(),
    })
    .refine((values) => values.email === currentEmail || values.current_password !== "", {
      path: ["current_password"],
      message: "account.needCurrent",
    });
}

export const passwordSchema = z.object({
  old_password: z.string().min(1, "account.needCurrent"),
  new_password: z.string().min(10, "account.shortPassword"),
});

/** A user agent as a person would name it: browser and system. */
export function agentName(agent: string): string | null {
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrome\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : /^curl/.test(agent)
            ? "curl"
            : null;
  const system = /iPhone|iPad/.test(agent)
    ? "iOS"
    : /Android/.test(agent)
      ? "Android"
      : /Windows/.test(agent)
        ? "Windows"
        : /Mac OS X/.test(agent)
          ? "macOS"
          : /Linux/.test(agent)
            ? "Linux"
            : null;
  return [browser, system].filter(Boolean).join(", ") || null;
}
