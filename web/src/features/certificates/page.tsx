// The list of certificates and the root of the internal CA.
import { useQuery } from "@tanstack/react-query";
import { Download, Pencil, Plus, Trash2 } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import type { Certificate } from "@/api/schema";
import { ButtonLink, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { ReadOnlyNote } from "@/ui/read-only-note";
import { useDialog } from "@/ui/dialog";
import { FilterSelect, ListPage } from "@/ui/list-page";
import { Empty } from "@/ui/notice";
import { useHashTarget, useParam } from "@/ui/url-state";
import { DnsCredentialsCard } from "./dns-card";
import { AutomaticCard } from "./automatic-card";
import { CheckCard } from "./check-card";
import { certificateColumns } from "./columns";
import { DeleteCertificate } from "./delete";

export default function CertificatesPage() {
  const { t } = useTranslation();
  const certificates = useQuery(queries.certificates());
  const mayEdit = useMay("admin");
  const deleting = useDialog("delete");
  const providers = useHashTarget<HTMLDivElement>("dns-providers");
  const [status] = useParam("status");
  const columns = useMemo(() => certificateColumns(t), [t]);
  const upload = mayEdit ? (
    <ButtonLink look="primary" to="/certificates/new" icon={<Plus aria-hidden size={16} />}>
      {t("certificates.upload")}
    </ButtonLink>
  ) : undefined;
  return (
    <>
      <ListPage
        title={t("certificates.title")}
        description={t("certificates.description")}
        actions={mayEdit ? certificates.data?.length === 0 ? undefined : upload : <ReadOnlyNote />}
        query={certificates}
        columns={columns}
        rowId={(each) => each.uuid}
        rowName={(each) => each.name}
        searchText={(each) => [each.name, each.issuer, ...each.domains].join(" ")}
        searchLabel={t("certificates.search")}
        defaultSort="expires"
        filters={
          <FilterSelect
            name="status"
            label={t("certificates.anyState")}
            options={(["valid", "expiring", "expired", "unusable"] as const).map((value) => ({
              value,
              label: t(`certificates.status.${value}`),
            }))}
          />
        }
        filter={(each) => !status || each.status === status}
        {...(mayEdit
          ? {
              // What Charon renews by itself is its own matter: a person can neither replace nor miss it.
              rowActions: (each: Certificate) =>
                each.auto_renew
                  ? []
                  : [
                      [
                        {
                          label: t("certificates.replace"),
                          icon: <Pencil aria-hidden size={16} />,
                          to: `/certificates/${each.uuid}/edit`,
                        },
                      ],
                      [
                        {
                          label: t("ui.delete"),
                          icon: <Trash2 aria-hidden size={16} />,
                          danger: true,
                          onSelect: () => deleting.open(each.uuid),
                        },
                      ],
                    ],
            }
          : {})}
        empty={
          <Empty title={t("certificates.emptyTitle")} action={upload}>
            {t("certificates.emptyText")}
          </Empty>
        }
      />
      <div className="mx-auto mt-5 flex max-w-6xl flex-col gap-5">
        <AutomaticCard />
        <CheckCard />
        {mayEdit ? (
          <div ref={providers} className="scroll-mt-20">
            <DnsCredentialsCard />
          </div>
        ) : null}
        <InternalCa />
      </div>
      <DeleteCertificate
        certificate={certificates.data?.find((each) => each.uuid === deleting.value)}
        onClose={deleting.close}
        onDeleted={deleting.close}
      />
    </>
  );
}

function InternalCa() {
  const { t } = useTranslation();
  const ways = [
    ["windows", "windowsText"],
    ["mac", "macText"],
    ["ios", "iosText"],
    ["android", "androidText"],
    ["firefox", "firefoxText"],
  ] as const;
  return (
    <Card title={t("certificates.ca.title")}>
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="max-w-prose text-muted">{t("certificates.ca.text")}</p>
          <a href="/api/v1/certificates/internal-ca.pem" download="charon-ca.pem" className={buttonClass()}>
            <Download aria-hidden size={16} />
            {t("certificates.ca.download")}
          </a>
        </div>
        <details>
          <summary className="w-fit cursor-pointer rounded-sm py-1 text-muted hover:text-text">
            {t("certificates.ca.how")}
          </summary>
          <dl className="mt-3 grid gap-3 sm:grid-cols-2">
            {ways.map(([name, text]) => (
              <div key={name}>
                <dt className="font-medium">{t(`certificates.ca.${name}`)}</dt>
                <dd className="text-muted">{t(`certificates.ca.${text}`)}</dd>
              </div>
            ))}
            <div>
              <dt className="mb-1 font-medium">{t("certificates.ca.linux")}</dt>
              <dd>
                <Command text="sudo cp charon-ca.pem /usr/local/share/ca-certificates/charon-ca.crt && sudo update-ca-certificates" />
              </dd>
            </div>
          </dl>
        </details>
      </div>
    </Card>
  );
}
