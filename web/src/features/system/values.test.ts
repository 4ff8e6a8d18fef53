import { expect, test } from "vitest";
import type { MigrationReport } from "@/api/schema";
import { rowsIn, unaccounted } from "./values";

test("a row that is neither carried nor set aside is named, not hidden", () => {
  const table = (name: string, rows_in: number, carried: number, set_aside: number) => ({
    table: name,
    rows_in,
    carried,
    set_aside,
    changed: 0,
    changes: [],
    set_aside_rows: [],
  });
  const report = {
    tables: [table("users", 3, 2, 1), table("domains", 2, 1, 0)],
  } as unknown as MigrationReport;
  expect(unaccounted(report)).toEqual(["domains"]);
  expect(rowsIn(report)).toBe(5);
});
