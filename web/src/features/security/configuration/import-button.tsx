// Puts the configuration of a file in the place of the one that counts, after a question.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { toast } from "@/ui/toast";

export function ImportButton() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | undefined>(undefined);
  const importing = useMutation({
    mutationFn: async (chosen: File) =>
      body(
        api.POST("/api/v1/security/crowdsec/import", {
          body: { archive: encode(new Uint8Array(await chosen.arrayBuffer())) },
        }),
      ),
    onSuccess: (change) => {
      if (change.status === "applied" || !change.over) {
        toast(change.over ? "live" : "degraded", t(change.over ? "crowdsec.done" : "crowdsec.underWay"));
        close();
      }
      return client.invalidateQueries({ queryKey: ["security"] });
    },
  });
  const close = () => {
    setFile(undefined);
    importing.reset();
    if (input.current) input.current.value = "";
  };
  const refused = importing.data?.over && importing.data.status !== "applied" ? importing.data : undefined;
  return (
    <>
      <input
        ref={input}
        type="file"
        accept=".gz,.tgz,application/gzip"
        className="hidden"
        aria-label={t("crowdsec.files.import")}
        onChange={(event) => setFile(event.target.files?.[0])}
      />
      <Button icon={<Upload aria-hidden size={16} />} onClick={() => input.current?.click()}>
        {t("crowdsec.files.import")}
      </Button>
      <Confirm
        open={file !== undefined}
        title={t("crowdsec.files.importTitle", { name: file?.name })}
        action={t("crowdsec.files.import")}
        danger={false}
        busy={importing.isPending}
        error={importing.error}
        onClose={close}
        onConfirm={() => file && importing.mutate(file)}
      >
        <p>{t("crowdsec.files.importText")}</p>
        {refused ? (
          <Notice tone="failing" title={t(`crowdsec.status.${refused.status as "failed" | "rolled_back"}`)}>
            {sentence(refused.error)}
          </Notice>
        ) : null}
      </Confirm>
    </>
  );
}

/** Bytes in base64, in portions: a call with a million arguments fails. */
function encode(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}
