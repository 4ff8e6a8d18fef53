import { expect, test } from "vitest";
import type { MigrationReport } from "@/api/schema";
import { rowsIn, unaccounted } from "./values";

test("a row that is neither carried nor changed nor set aside is named, not hidden", () => {
  const table = (name: string, rows_in: number, carried: number, changed: number, set_aside: number) => ({
    table: name,
    rows_in,
    carried,
    changed,
    set_aside,
    changes: [],
    set_aside_rows: [],
  });
  const report = {
    tables: [table("users", 3, 0, 2, 1), table("domains", 2, 1, 0, 0)],
  } as unknown as MigrationReport;
  expect(unaccounted(report)).toEqual(["domains"]);
  expect(rowsIn(report)).toBe(5);
});
