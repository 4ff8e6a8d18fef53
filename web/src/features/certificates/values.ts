// The values of the certificate form.
import { z } from "zod";

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
