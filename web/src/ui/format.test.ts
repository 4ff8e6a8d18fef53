import { expect, test } from "vitest";
import { ago, elapsed, sentence } from "./format";

const now = Date.parse("2026-11-22T12:00:00Z");
const days = (count: number) => new Date(now + count * 86_400_000).toISOString();

test("a date three months away is told in days, so that nothing is rounded off a deadline", () => {
  expect(ago(days(89.9), now)).toBe("in 89 days");
  expect(ago(days(200), now)).toBe("in 6 months");
  expect(ago(days(-400), now)).toBe("13 months ago");
  expect(ago(days(-800), now)).toBe("2 years ago");
});

test("a state has lasted for some time, it is not since some time ago", () => {
  expect(elapsed(days(-1), now)).toBe("1 day");
  expect(elapsed(new Date(now - 46_000).toISOString(), now)).toBe("46 seconds");
  expect(elapsed(days(1), now)).toBe("0 seconds");
});

test("what the server says becomes a sentence, and the name of a host is not changed", () => {
  expect(sentence("the disk is full")).toBe("The disk is full.");
  expect(sentence("shop.example.com is not served")).toBe("shop.example.com is not served.");
  expect(sentence("anna@example.org signed in")).toBe("anna@example.org signed in.");
  expect(sentence("API is not served.")).toBe("API is not served.");
  expect(sentence("")).toBe("");
});
