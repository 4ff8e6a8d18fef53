import { expect, test } from "vitest";
import { placeOf } from "./certificate-check-place";

test("what is mended in the interface leads there, and what is mended elsewhere leads nowhere", () => {
  expect(placeOf("terms-not-agreed")?.to).toBe("/certificates#authority");
  expect(placeOf("no-dns-provider")?.to).toBe("/certificates?dns=new");
  expect(placeOf("dns-credentials-refused")?.to).toBe("/certificates#dns-providers");
  expect(placeOf("name-not-found")).toBeUndefined();
});
