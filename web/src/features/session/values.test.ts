import { expect, test } from "vitest";
import { safeNext, waitText } from "./values";

test("after signing in nobody is sent to another origin or back to the sign-in", () => {
  expect(safeNext("/proxy-hosts?q=a")).toBe("/proxy-hosts?q=a");
  for (const bad of [null, "", "https://evil.example", "//evil.example", "/\\evil.example", "/login?next=/x"])
    expect(safeNext(bad)).toBe("/");
});

test("a lock-out is told in minutes and seconds", () => {
  expect(waitText(905)).toBe("15:05");
  expect(waitText(9)).toBe("0:09");
});
