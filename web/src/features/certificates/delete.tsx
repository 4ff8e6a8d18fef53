// Deleting a certificate, or saying which hosts stand in the way.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { refreshServed } from "@/api/queries";
import type { Certificate } from "@/api/schema";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Dialog } from "@/ui/dialog";
import { toast } from "@/ui/toast";

export function DeleteCertificate({
  certificate,
  onClose,
  onDeleted,
}: {
  certificate: Certificate | undefined;
  onClose: () => void;
  onDeleted: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const removing = useMutation({
    mutationFn: (uuid: string) => api.DELETE("/api/v1/certificates/{uuid}", { params: { path: { uuid } } }),
    onSuccess: () => {
      toast("live", t("certificates.deleted", { name: certificate?.name }));
      void refreshServed(client);
      onDeleted();
    },
  });
  const name = certificate?.name ?? "";
  const close = () => {
    removing.reset();
    onClose();
  };
  if (certificate && certificate.used_by.length > 0)
    return (
      <Dialog
        open
        onClose={close}
        title={t("certificates.deleteTitle", { name })}
        footer={<Button onClick={close}>{t("ui.close")}</Button>}
      >
        <p className="pb-3 text-muted">
          {t("certificates.deleteUsed", { hosts: certificate.used_by.map((host) => host.name).join(", ") })}
        </p>
      </Dialog>
    );
  return (
    <Confirm
      open={certificate !== undefined}
      title={t("certificates.deleteTitle", { name })}
      action={t("ui.delete")}
      busy={removing.isPending}
      error={removing.error}
      onClose={close}
      onConfirm={() => certificate && removing.mutate(certificate.uuid)}
    >
      {t("certificates.deleteText")}
    </Confirm>
  );
}
