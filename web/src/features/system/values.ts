// Whether a migration accounts for every row.
import type { MigrationReport } from "@/api/schema";

/** Names of the tables where the rows found are not all carried as they were, carried with a change, or set aside. */
export function unaccounted(report: MigrationReport): string[] {
  return report.tables
    .filter((table) => table.carried + table.changed + table.set_aside !== table.rows_in)
    .map((table) => table.table);
}

export function rowsIn(report: MigrationReport): number {
  return report.tables.reduce((sum, table) => sum + table.rows_in, 0);
}
