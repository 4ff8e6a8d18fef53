// Small sums for the overview.
import type { Certificate, Host } from "@/api/schema";

export function hostCounts(hosts: Host[]): { serving: number; disabled: number; leftOut: number } {
  const of = (state: Host["status"]["state"]) => hosts.filter((host) => host.status.state === state).length;
  return { serving: of("serving"), disabled: of("disabled"), leftOut: of("left_out") };
}

/** Certificates that a person should look at, the most urgent first. */
export function dueCertificates(certificates: Certificate[]): Certificate[] {
  return certificates
    .filter((each) => each.status !== "valid")
    .sort((a, b) => (a.expires_at ?? "").localeCompare(b.expires_at ?? ""));
}
