import { expect, test } from "vitest";
import type { AcmeCheck } from "@/api/schema";
import { group } from "./check-values";

const check = (name: string, verdict: AcmeCheck["verdict"]): AcmeCheck => ({
  name,
  verdict,
  checked_at: "2026-11-23T12:00:00.000Z",
  challenge: "http-01",
  findings: [],
  in_order: [],
});

test("the worst comes first, and names that nobody has looked at are not taken for fine", () => {
  const checks = [
    check("a.example.com", "ready"),
    check("b.example.com", "at_risk"),
    check("c.example.com", "would_fail"),
    check("gone.example.com", "would_fail"),
  ];
  const { danger, ready, missing } = group(checks, [
    "a.example.com",
    "b.example.com",
    "c.example.com",
    "new.example.com",
  ]);
  expect(danger.map((each) => each.name)).toEqual(["c.example.com", "b.example.com"]);
  expect(ready.map((each) => each.name)).toEqual(["a.example.com"]);
  expect(missing).toEqual(["new.example.com"]);
});
