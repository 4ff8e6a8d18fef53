import { expect, test } from "vitest";
import type { Certificate } from "@/api/schema";
import { dueCertificates } from "./values";

test("certificates that need a person come first and sound ones are left out", () => {
  const of = (name: string, status: string, expires_at: string) =>
    ({ name, status, expires_at }) as Certificate;
  const due = dueCertificates([
    of("later", "expiring", "2026-03-01T00:00:00Z"),
    of("fine", "valid", "2027-01-01T00:00:00Z"),
    of("gone", "expired", "2026-01-01T00:00:00Z"),
  ]);
  expect(due.map((each) => each.name)).toEqual(["gone", "later"]);
});
