import { expect, test } from "vitest";
import type { User } from "@/api/schema";
import { userState } from "./values";

test("a lock that is over no longer counts, and a disabled user is disabled first of all", () => {
  const user = { enabled: true, locked_until: "2026-01-01T00:10:00Z" } as User;
  expect(userState(user, Date.UTC(2026, 0, 1, 0, 5))).toBe("locked");
  expect(userState(user, Date.UTC(2026, 0, 1, 0, 15))).toBe("active");
  expect(userState({ ...user, enabled: false }, Date.UTC(2026, 0, 1, 0, 5))).toBe("disabled");
});
