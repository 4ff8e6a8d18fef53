// Uploading a certificate by pasting or from files, and replacing one.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { FileUp } from "lucide-react";
import { useId } from "react";
import { useForm, useFormState, type UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import type { Certificate } from "@/api/schema";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, Textarea } from "@/ui/field";
import { FormPage, useSave } from "@/ui/form-page";
import { date } from "@/ui/format";
import { LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { editSchema, newSchema, type CertificateValues } from "./values";

export default function CertificateFormPage() {
  const { uuid } = useParams();
  const certificate = useQuery({ ...queries.certificate(uuid ?? ""), enabled: uuid !== undefined });
  if (certificate.error)
    return <LoadFailed error={certificate.error} retry={() => void certificate.refetch()} />;
  if (uuid && !certificate.data) return <SkeletonRows rows={6} />;
  return <CertificateForm existing={certificate.data} />;
}

function CertificateForm({ existing }: { existing: Certificate | undefined }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useForm<CertificateValues>({
    resolver: zodResolver(existing ? editSchema : newSchema),
    defaultValues: { name: existing?.name ?? "", certificate: "", private_key: "" },
  });
  const saving = useSave({
    form,
    save: ({ name, certificate, private_key }) =>
      existing
        ? body(
            api.PUT("/api/v1/certificates/{uuid}", {
              params: { path: { uuid: existing.uuid } },
              body: { name, ...(certificate || private_key ? { certificate, private_key } : {}) },
            }),
          )
        : body(api.POST("/api/v1/certificates", { body: { name, certificate, private_key } })),
    onSaved: (saved) => {
      void refreshServed(client);
      toast(
        "live",
        t("certificates.form.saved", {
          name: saved.name,
          date: saved.expires_at ? date(saved.expires_at) : "–",
        }),
      );
      void navigate(`/certificates/${saved.uuid}`);
    },
  });
  const { errors } = useFormState({ control: form.control });
  const text = (message: string | undefined) =>
    message?.startsWith("certificates.") ? t(message as "certificates.form.needName") : message;
  const away = existing ? `/certificates/${existing.uuid}` : "/certificates";
  return (
    <FormPage
      title={existing ? t("certificates.form.replace", { name: existing.name }) : t("certificates.form.new")}
      description={existing ? t("certificates.form.replaceHint") : undefined}
      back={{ to: away, label: existing?.name ?? t("certificates.title") }}
      form={form}
      saving={saving}
      saveLabel={existing ? t("certificates.form.saveReplace") : t("certificates.form.save")}
      onCancel={() => void navigate(away)}
    >
      <Card>
        <div className="flex flex-col gap-5">
          <Field
            label={t("certificates.form.name")}
            hint={t("certificates.form.nameHint")}
            error={text(errors.name?.message)}
          >
            {(wired) => <Input {...wired} {...form.register("name")} autoFocus={!existing} />}
          </Field>
          <PemField
            form={form}
            name="certificate"
            label={t("certificates.form.certificate")}
            hint={t("certificates.form.certificateHint")}
            error={text(errors.certificate?.message)}
            accept=".pem,.crt,.cer"
            placeholder="-----BEGIN CERTIFICATE-----"
          />
          <PemField
            form={form}
            name="private_key"
            label={t("certificates.form.key")}
            hint={t("certificates.form.keyHint")}
            error={text(errors.private_key?.message)}
            accept=".pem,.key"
            placeholder="-----BEGIN PRIVATE KEY-----"
          />
        </div>
      </Card>
    </FormPage>
  );
}

function PemField({
  form,
  name,
  label,
  hint,
  error,
  accept,
  placeholder,
}: {
  form: UseFormReturn<CertificateValues>;
  name: "certificate" | "private_key";
  label: string;
  hint: string;
  error: string | undefined;
  accept: string;
  placeholder: string;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div className="flex flex-col gap-2">
      <Field label={label} hint={hint} error={error}>
        {(wired) => (
          <Textarea
            {...wired}
            {...form.register(name)}
            rows={6}
            spellCheck={false}
            autoComplete="off"
            placeholder={placeholder}
            className="font-mono text-xs!"
          />
        )}
      </Field>
      <div>
        <input
          id={id}
          type="file"
          accept={accept}
          className="peer sr-only"
          aria-label={`${label}: ${t("certificates.form.choose")}`}
          onChange={(event) => {
            const file = event.target.files?.[0];
            event.target.value = "";
            if (!file) return;
            void file
              .text()
              .then((content) => form.setValue(name, content, { shouldDirty: true, shouldValidate: true }));
          }}
        />
        <label
          htmlFor={id}
          className={`${buttonClass("plain", "sm")} cursor-pointer peer-focus-visible:outline-2 peer-focus-visible:outline-focus`}
        >
          <FileUp aria-hidden size={15} />
          {t("certificates.form.choose")}
        </label>
      </div>
    </div>
  );
}
