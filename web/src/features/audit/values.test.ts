import { expect, test } from "vitest";
import { actionText, deedText } from "./values";
import { changesBetween } from "@/ui/diff";

test("a machine name of an action becomes words", () => {
  expect(actionText("proxy_host.create")).toBe("proxy host: create");
  expect(actionText("login")).toBe("login");
});

test("a deed is told by its sentence, or by its machine name when the original product noted it", () => {
  expect(deedText({ action: "user.create", details: "added account a@b" })).toBe("Added account a@b");
  expect(deedText({ action: "delete_ruleset", details: "7" })).toBe("Delete ruleset");
});

test("only the fields that differ are shown, also when a record is new or gone", () => {
  expect(changesBetween({ a: 1, b: [1] }, { a: 2, b: [1] })).toEqual([{ field: "a", before: 1, after: 2 }]);
  expect(changesBetween(null, { a: 1 })).toEqual([{ field: "a", before: undefined, after: 1 }]);
  expect(changesBetween({ a: null }, {})).toEqual([]);
});
