// Sorts what rehearsals found: the worst first, then what is fine, then what nobody has looked at.
import type { AcmeCheck } from "@/api/schema";

export function group(
  checks: AcmeCheck[],
  names: string[],
): { danger: AcmeCheck[]; ready: AcmeCheck[]; missing: string[] } {
  const wanted = checks.filter((check) => names.includes(check.name));
  const known = new Set(wanted.map((check) => check.name));
  const of = (verdict: AcmeCheck["verdict"]) => wanted.filter((check) => check.verdict === verdict);
  return {
    danger: [...of("would_fail"), ...of("at_risk")],
    ready: of("ready"),
    missing: names.filter((name) => !known.has(name)),
  };
}
