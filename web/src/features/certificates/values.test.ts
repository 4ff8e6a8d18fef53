import { expect, test } from "vitest";
import type { Host } from "@/api/schema";
import { automaticOf, editSchema } from "./values";

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
