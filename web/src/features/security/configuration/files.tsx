// The files of the configuration: what they hold, where they come from, one's own among them; export and import.
import { useQuery } from "@tanstack/react-query";
import { Download, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import type { AgentFile } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Select } from "@/ui/field";
import { useDialog } from "@/ui/dialog";
import { Empty, LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { FileDialog } from "./file-dialog";
import { ImportButton } from "./import-button";

const ORIGINS = ["own", "charon", "hub", "package", "all"] as const;

export function Files() {
  const { t } = useTranslation();
  const files = useQuery(queries.crowdsecFiles());
  const dialog = useDialog("file");
  const [origin, setOrigin] = useState<(typeof ORIGINS)[number]>("own");
  if (files.error && !files.data)
    return <LoadFailed error={files.error} retry={() => void files.refetch()} />;
  if (!files.data) return <SkeletonRows rows={4} />;
  const shown = files.data.filter((file) => origin === "all" || file.origin === origin);
  return (
    <>
      <Card flush title={t("crowdsec.files.title")}>
        <div className="flex flex-wrap items-end gap-3 border-b border-line p-4">
          <Field label={t("crowdsec.items.show")} className="basis-56">
            {(wired) => (
              <Select
                {...wired}
                value={origin}
                onChange={(event) => setOrigin(event.target.value as (typeof ORIGINS)[number])}
              >
                {ORIGINS.map((each) => (
                  <option key={each} value={each}>
                    {t(`crowdsec.files.filter.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Button icon={<Plus aria-hidden size={16} />} onClick={() => dialog.open("new")}>
            {t("crowdsec.files.new")}
          </Button>
          <a href="/api/v1/security/crowdsec/export" download className={buttonClass()}>
            <Download aria-hidden size={16} />
            {t("crowdsec.files.export")}
          </a>
          <ImportButton />
        </div>
        {shown.length === 0 ? (
          <Empty title={t("crowdsec.files.none")}>{t("crowdsec.files.noneText")}</Empty>
        ) : (
          <ul className="divide-y divide-line">
            {shown.map((file) => (
              <Row key={file.path} file={file} onOpen={() => dialog.open(file.path)} />
            ))}
          </ul>
        )}
      </Card>
      <p className="text-sm text-muted">{t("crowdsec.files.secrets")}</p>
      {dialog.value === null ? null : (
        <FileDialog
          key={dialog.value}
          path={dialog.value === "new" ? "" : dialog.value}
          onClose={dialog.close}
        />
      )}
    </>
  );
}

function Row({ file, onOpen }: { file: AgentFile; onOpen: () => void }) {
  const { t } = useTranslation();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5">
      <p className="flex min-w-0 flex-1 basis-72 flex-wrap items-center gap-2">
        <span className="font-mono text-sm wrap-anywhere">{file.path}</span>
        <Badge tone={file.origin === "own" ? "info" : "neutral"}>
          {t(`crowdsec.files.origin.${file.origin}`)}
        </Badge>
        {file.replaces ? <Badge tone="degraded">{t("crowdsec.files.replaces")}</Badge> : null}
      </p>
      <Button size="sm" onClick={onOpen}>
        {t(file.editable ? "crowdsec.files.edit" : "crowdsec.files.look")}
        <span className="sr-only">: {file.path}</span>
      </Button>
    </li>
  );
}
