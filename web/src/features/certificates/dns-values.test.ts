import { describe, expect, it } from "vitest";
import type { DnsCredential, DnsKind } from "@/api/schema";
import { draftOf, inputOf, isStored } from "./dns-values";

const field = (name: string, type: "text" | "secret") => ({
  name,
  label: name,
  type,
  required: true,
  default: "",
  help: "",
  choices: [],
  least: null,
  most: null,
});

const KIND: DnsKind = {
  name: "ovh",
  label: "OVH",
  note: "",
  available: true,
  fields: [field("key", "text"), field("secret", "secret")],
};

const STORED: DnsCredential = {
  uuid: "u",
  name: "at home",
  kind: "ovh",
  zones: ["example.com", "example.org"],
  fields: [{ name: "key", value: "k" }],
  secret_fields: ["secret"],
  every_name: true,
  wait_seconds: 300,
  used_by: [],
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
};

describe("the form of a DNS provider", () => {
  it("sends back what is stored, without secrets that nobody typed", () => {
    const input = inputOf(draftOf(STORED), KIND);
    expect(input).toEqual({
      name: "at home",
      kind: "ovh",
      zones: ["example.com", "example.org"],
      fields: [{ name: "key", value: "k" }],
      every_name: true,
      wait_seconds: 300,
    });
    expect(isStored(STORED, "ovh", "secret")).toBe(true);
  });

  it("takes zones as people type them, and leaves out what another kind was given", () => {
    const draft = {
      ...draftOf(undefined),
      kind: "ovh",
      zones: " a.org,b.org\n c.org ",
      fields: { token: "t" },
    };
    const input = inputOf(draft, KIND);
    expect(input.zones).toEqual(["a.org", "b.org", "c.org"]);
    expect([input.fields, input.name]).toEqual([[], "OVH"]);
    expect(isStored(STORED, "gandi", "secret")).toBe(false);
  });
});
