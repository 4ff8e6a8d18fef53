import { expect, test } from "vitest";
import type { AgentChange, HubItem } from "@/api/schema";
import { badgesOf, matches, readWish, statusOf, writeWish } from "./values";

const item: HubItem = {
  item: "scenarios:crowdsecurity/http-probing",
  kind: "scenarios",
  name: "crowdsecurity/http-probing",
  description: "Detect site scanning",
  installed: true,
  chosen: false,
  needed: false,
  left_out: false,
  here: true,
  version: "0.2",
  latest: "0.2",
  upgrade: false,
  tainted: false,
  local: false,
  members: [],
};

test("a change survives the URL, and anything else there is none", () => {
  const wish = { action: "install", about: "wordpress" } as const;
  expect(readWish(writeWish(wish))).toEqual(wish);
  expect(readWish(writeWish({ action: "update_index", about: "" }))).toEqual({
    action: "update_index",
    about: "",
  });
  expect(readWish("erase all")).toBeUndefined();
  expect(readWish(null)).toBeUndefined();
});

test("items are found by state and by text in any case", () => {
  expect(matches(item, "on", "SCANNING")).toBe(true);
  expect(matches(item, "on", "wordpress")).toBe(false);
  expect(matches(item, "off", "")).toBe(false);
  expect(matches(item, "differs", "")).toBe(false);
  expect(matches({ ...item, tainted: true }, "differs", "")).toBe(true);
});

test("what is not as usual is said", () => {
  expect(badgesOf(item).map((badge) => badge.word)).toEqual(["on"]);
  const odd = { ...item, installed: false, left_out: true, here: false };
  expect(badgesOf(odd).map((badge) => badge.word)).toEqual(["leftOut", "toFetch"]);
  expect(statusOf({ status: "rolled_back" } as AgentChange)).toBe("rolled_back");
  expect(statusOf({ status: "of the original" } as AgentChange)).toBe("other");
});
