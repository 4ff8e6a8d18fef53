import { expect, test } from "vitest";
import { editSchema } from "./values";

const fields = (values: unknown) =>
  editSchema.safeParse(values).error?.issues.map((issue) => issue.path[0]) ?? [];

test("a certificate is replaced together with its key or not at all", () => {
  expect(fields({ name: "a", certificate: "", private_key: "" })).toEqual([]);
  expect(fields({ name: "a", certificate: "pem", private_key: "" })).toEqual(["private_key"]);
  expect(fields({ name: "a", certificate: "", private_key: "pem" })).toEqual(["certificate"]);
});
