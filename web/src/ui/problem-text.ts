// One sentence for any failure. The server's own sentence wins, since it knows the remedy.
import type { TFunction } from "i18next";
import { ApiProblem } from "@/api/problem";
import { sentence } from "./format";

export function problemText(t: TFunction, error: unknown): string {
  if (error instanceof ApiProblem) {
    if (error.code === "unreachable") return t("problem.unreachable");
    if (error.code === "not-charon") return t("problem.notCharon", { status: error.status });
    if (error.message) return sentence(error.message);
    return t("problem.status", { status: error.status });
  }
  return t("problem.interface", { what: error instanceof Error ? error.message : String(error) });
}
