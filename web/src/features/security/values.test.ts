import { describe, expect, it } from "vitest";
import type { CrowdSec } from "@/api/schema";
import { isFollowing, proofOf, toList } from "./values";

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
    expect(proofOf(shown({ enabled: false, proof: { proven_at } }))).toBe("off");
  });

  it("reads lists from lines and commas", () => {
    expect(toList(" 10.0.0.0/8\n\n::1, 192.168.0.1 ")).toEqual(["10.0.0.0/8", "::1", "192.168.0.1"]);
  });
});
