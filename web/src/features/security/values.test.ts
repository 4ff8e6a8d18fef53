import { describe, expect, it } from "vitest";
import type { Ban, CrowdSec } from "@/api/schema";
import { banQuery, endsBy, fromMinutes, isFollowing, proofOf, toList, toMinutes } from "./values";

const shown = (change: Partial<CrowdSec>) =>
  ({ enabled: true, state: "running", proof: {}, ...change }) as CrowdSec;

describe("the card of CrowdSec", () => {
  it("says that a change is on its way only while nothing is wrong", () => {
    expect(isFollowing(shown({ state: "off" }))).toBe(true);
    expect(isFollowing(shown({ enabled: false }))).toBe(true);
    expect(isFollowing(shown({ state: "failing" }))).toBe(false);
    expect(isFollowing(shown({ enabled: false, state: "off" }))).toBe(false);
  });

  it("never says proven while a link is broken or it is off", () => {
    const proven_at = "2026-01-01T00:00:00Z";
    expect(proofOf(shown({ proof: { proven_at } }))).toBe("proven");
    expect(proofOf(shown({ proof: { proven_at, broken_link: "pull" } }))).toBe("broken");
    expect(proofOf(shown({ proof: { proven_at, broken_link: "untried" } }))).toBe("untried");
    expect(proofOf(shown({ proof: {} }))).toBe("none");
    const partly = { partly_at: proven_at, not_proven: "..." };
    expect(proofOf(shown({ proof: partly }))).toBe("partly");
    expect(proofOf(shown({ proof: { ...partly, proven_at } }))).toBe("partly");
    expect(proofOf(shown({ enabled: false, proof: { proven_at } }))).toBe("off");
  });

  it("reads lists from lines and commas", () => {
    expect(toList(" 10.0.0.0/8\n\n::1, 192.168.0.1 ")).toEqual(["10.0.0.0/8", "::1", "192.168.0.1"]);
  });
});

describe("bans", () => {
  it("are asked for by what was filled in alone", () => {
    const none = { q: " ", origin: "", scope: "", type: "" };
    expect(banQuery(none)).toEqual({});
    expect(banQuery({ ...none, q: " 1.2.3.4 ", origin: "CAPI" })).toEqual({
      value: "1.2.3.4",
      origin: "CAPI",
    });
  });

  it("of addresses end by value, of countries by id", () => {
    const ban = (change: Partial<Ban>) => ({ value: "x", scope: "ip", id: 7, ...change }) as Ban;
    expect(endsBy(ban({}))).toEqual({ value: "x" });
    expect(endsBy(ban({ scope: "country" }))).toEqual({ id: 7 });
    expect(endsBy(ban({ scope: "country", id: null }))).toEqual({ value: "x" });
  });
});

describe("lengths of bans", () => {
  it("stand in the largest unit without a fraction and come back the same", () => {
    expect(fromMinutes(1440)).toEqual({ amount: "1", unit: "days" });
    expect(fromMinutes(90)).toEqual({ amount: "90", unit: "minutes" });
    for (const minutes of [1, 60, 240, 1440, 10_080]) expect(toMinutes(fromMinutes(minutes))).toBe(minutes);
  });
});
