import { expect, test } from "vitest";
import type { AcmeOrder, Host } from "@/api/schema";
import { areIssued, automaticOf, editSchema } from "./values";

const fields = (values: unknown) =>
  editSchema.safeParse(values).error?.issues.map((issue) => issue.path[0]) ?? [];

test("a certificate is replaced together with its key or not at all", () => {
  expect(fields({ name: "a", certificate: "", private_key: "" })).toEqual([]);
  expect(fields({ name: "a", certificate: "pem", private_key: "" })).toEqual(["private_key"]);
  expect(fields({ name: "a", certificate: "", private_key: "pem" })).toEqual(["certificate"]);
});

test("only hosts without a certificate of their own may be chosen for an automatic one", () => {
  const host = (name: string, certificate_uuid: string | null, automatic_certificate: boolean) =>
    ({ uuid: name, certificate_uuid, automatic_certificate }) as Host;
  const hosts = [host("new", null, false), host("automatic", null, true), host("uploaded", "c", false)];
  const { candidates, automatic, own } = automaticOf(hosts);
  expect([candidates.map((each) => each.uuid), automatic, own]).toEqual([["new"], 1, 1]);
});

test("certificates are there when each host's order is known and has ended well, and not before", () => {
  const host = (uuid: string) => ({ uuid, automatic_certificate: true }) as Host;
  const order = (uuid: string, phase: AcmeOrder["phase"]) =>
    ({ phase, hosts: [{ uuid, name: uuid }] }) as AcmeOrder;
  const both = [host("a"), host("b")];
  expect(areIssued(both, [])).toBe(false);
  expect(areIssued(both, [order("a", "valid")])).toBe(false);
  expect(areIssued(both, [order("a", "valid"), order("b", "ordering")])).toBe(false);
  expect(areIssued(both, [order("a", "valid"), order("b", "valid")])).toBe(true);
  expect(areIssued([], [order("a", "valid")])).toBe(false);
});
