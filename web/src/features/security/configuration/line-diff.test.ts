import { expect, test } from "vitest";
import { lineDiff } from "./line-diff";

const marks = (before: string, after: string) => lineDiff(before, after).map((line) => line.mark + line.text);

test("lines that came and went are shown with those around them", () => {
  expect(marks("a\nb\nc\nd\ne\nf", "a\nb\nc\nd\nx\nf")).toEqual([" b", " c", " d", "-e", "+x", " f"]);
  expect(marks("a\nb\nc", "b\nnew\nc\nend")).toEqual(["-a", " b", "+new", " c", "+end"]);
  expect(marks("", "a")).toEqual(["-", "+a"]);
  expect(marks("same", "same")).toEqual([" same"]);
});

test("a text of thousands of other lines is compared at once", () => {
  const text = (word: string) => Array.from({ length: 2_000 }, (_, line) => `${word}${line}`).join("\n");
  expect(lineDiff(text("a"), text("b"))).toHaveLength(4_000);
});
