// The values of the certificate form, and who may get an automatic certificate.
import { z } from "zod";
import type { AcmeOrder, Host } from "@/api/schema";

// Compiled checks need eval, which the content policy forbids.
z.config({ jitless: true });

const name = z.string().trim().min(1, "certificates.form.needName");

export const newSchema = z.object({
  name,
  certificate: z.string().trim().min(1, "certificates.form.needCertificate"),
  private_key: z.string().trim().min(1, "certificates.form.needKey"),
});

/** When replacing, certificate and key come together or not at all. */
export const editSchema = z
  .object({ name, certificate: z.string().trim(), private_key: z.string().trim() })
  .refine((values) => !values.private_key || values.certificate, {
    path: ["certificate"],
    message: "certificates.form.needCertificate",
  })
  .refine((values) => !values.certificate || values.private_key, {
    path: ["private_key"],
    message: "certificates.form.needKey",
  });

export type CertificateValues = z.infer<typeof newSchema>;

/** The authorities that can be chosen by name. */
export const AUTHORITIES = [
  { name: "letsencrypt", directory: "https://acme-v02.api.letsencrypt.org/directory" },
  { name: "letsencryptStaging", directory: "https://acme-staging-v02.api.letsencrypt.org/directory" },
  { name: "zerossl", directory: "https://acme.zerossl.com/v2/DV90" },
  { name: "google", directory: "https://dv.acme-v02.api.pki.goog/directory" },
] as const;

/** Which of them a directory belongs to. */
export function authorityOf(directory: string): (typeof AUTHORITIES)[number]["name"] | "none" | "own" {
  if (directory === "") return "none";
  return AUTHORITIES.find((each) => each.directory === directory)?.name ?? "own";
}

/** Hosts that could get an automatic certificate, and how many have one, or one of their own. */
export function automaticOf(hosts: Host[]): { candidates: Host[]; automatic: number; own: number } {
  const without = hosts.filter((host) => !host.certificate_uuid);
  return {
    candidates: without.filter((host) => !host.automatic_certificate),
    automatic: without.filter((host) => host.automatic_certificate).length,
    own: hosts.length - without.length,
  };
}

/** Whether each of these hosts has got its certificate. One whose order is not known yet has not. */
export function areIssued(hosts: Host[], orders: AcmeOrder[]): boolean {
  const has = (host: Host) =>
    orders.some((order) => order.phase === "valid" && order.hosts.some((one) => one.uuid === host.uuid));
  return hosts.length > 0 && hosts.every((host) => host.automatic_certificate && has(host));
}

/** The names of a host, as it is told apart by. */
export function namesOf(host: Host): string {
  return host.domains.join(", ");
}
