// Taking a certificate elsewhere: the chain alone, or with its key as PEM or PKCS #12.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import type { Certificate } from "@/api/schema";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { problemText } from "@/ui/problem-text";
import { saveFile } from "@/ui/save-file";
import { toast } from "@/ui/toast";

const FORMATS = ["chain", "pem", "pfx"] as const;
type Format = (typeof FORMATS)[number];

export function DownloadCertificate({
  certificate,
  onClose,
}: {
  certificate: Certificate | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [format, setFormat] = useState<Format>("chain");
  const [password, setPassword] = useState("");
  const [own, setOwn] = useState("");
  const close = () => {
    setFormat("chain");
    setPassword("");
    setOwn("");
    loading.reset();
    onClose();
  };
  const loading = useMutation({
    mutationFn: (uuid: string) =>
      body(
        api.POST("/api/v1/certificates/{uuid}/export", {
          params: { path: { uuid } },
          body: {
            format,
            ...(format === "pfx" ? { password } : {}),
            ...(format === "chain" ? {} : { current_password: own }),
          },
        }),
      ),
    onSuccess: ({ file_name, content }) => {
      saveFile(
        file_name,
        Uint8Array.from(atob(content), (char) => char.charCodeAt(0)),
      );
      toast("live", t("certificates.download.done", { file: file_name }));
      close();
    },
  });
  const problem = loading.error instanceof ApiProblem ? loading.error : undefined;
  const about = (field: string) => problem?.errors.find((each) => each.field === field)?.message;
  const elsewhere =
    loading.error && !about("password") && !about("current_password")
      ? problemText(t, loading.error)
      : undefined;
  const submit = () => {
    if (certificate && !loading.isPending) loading.mutate(certificate.uuid);
  };
  return (
    <Dialog
      open={certificate !== undefined}
      onClose={close}
      title={t("certificates.download.title", { name: certificate?.name })}
      footer={
        <>
          <Button onClick={close}>{t("ui.cancel")}</Button>
          <Button look="primary" busy={loading.isPending} onClick={submit}>
            {t("certificates.download.action")}
          </Button>
        </>
      }
    >
      <form
        className="flex flex-col gap-4 pb-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field
          label={t("certificates.download.format")}
          hint={t(`certificates.download.hints.${format}`)}
          error={elsewhere}
        >
          {(wired) => (
            <Select
              {...wired}
              value={format}
              onChange={(event) => {
                setFormat(event.target.value as Format);
                loading.reset();
              }}
            >
              {FORMATS.map((each) => (
                <option key={each} value={each}>
                  {t(`certificates.download.formats.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {format === "pfx" ? (
          <Field
            label={t("certificates.download.password")}
            hint={t("certificates.download.passwordHint")}
            error={about("password")}
          >
            {(wired) => (
              <Input
                {...wired}
                type="password"
                autoComplete="new-password"
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            )}
          </Field>
        ) : null}
        {format === "chain" ? null : (
          <Field
            label={t("certificates.download.own")}
            hint={t("certificates.download.ownHint")}
            error={about("current_password")}
          >
            {(wired) => (
              <Input
                {...wired}
                type="password"
                autoComplete="current-password"
                value={own}
                onChange={(event) => setOwn(event.target.value)}
              />
            )}
          </Field>
        )}
        {/* Return sends the form from every field. */}
        <button type="submit" className="hidden" aria-hidden tabIndex={-1} />
      </form>
    </Dialog>
  );
}
