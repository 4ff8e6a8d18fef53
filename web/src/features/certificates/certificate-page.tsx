// One certificate: its state, its facts, and who uses it.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { ApiProblem } from "@/api/problem";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { State } from "@/ui/badge";
import { Button, ButtonLink, TextLink } from "@/ui/button";
import { Card, Facts } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { useDialog } from "@/ui/dialog";
import { dateTime, sentence } from "@/ui/format";
import { Empty, LoadFailed, Notice } from "@/ui/notice";
import { Page } from "@/ui/page";
import { SkeletonRows } from "@/ui/skeleton";
import { Ago } from "@/ui/time";
import { STATUS_TONE } from "./columns";
import { DeleteCertificate } from "./delete";
import { DownloadCertificate } from "./download";

export default function CertificatePage() {
  const { t } = useTranslation();
  const { uuid = "" } = useParams();
  const navigate = useNavigate();
  const mayEdit = useMay("admin");
  const deleting = useDialog("delete");
  const downloading = useDialog("download");
  const certificate = useQuery(queries.certificate(uuid));
  const back = { to: "/certificates", label: t("certificates.title") };
  if (certificate.error instanceof ApiProblem && certificate.error.status === 404)
    return (
      <Page title={t("certificates.page.gone")} windowTitle={t("certificates.page.gone")} back={back}>
        <Card>
          <Empty title={t("certificates.page.gone")} />
        </Card>
      </Page>
    );
  if (certificate.error && !certificate.data)
    return <LoadFailed error={certificate.error} retry={() => void certificate.refetch()} />;
  const data = certificate.data;
  if (!data) return <SkeletonRows rows={6} />;
  const providers: Record<string, string> = t("certificates.page.providers", { returnObjects: true });
  return (
    <Page
      title={data.name}
      windowTitle={data.name}
      back={back}
      actions={
        mayEdit ? (
          <>
            <Button onClick={() => downloading.open()}>{t("certificates.download.action")}</Button>
            {data.auto_renew ? null : (
              <>
                <Button onClick={() => deleting.open()}>{t("ui.delete")}</Button>
                <ButtonLink look="primary" to={`/certificates/${uuid}/edit`}>
                  {t("certificates.replace")}
                </ButtonLink>
              </>
            )}
          </>
        ) : undefined
      }
    >
      {data.status !== "valid" ? (
        <Notice tone={data.status === "expiring" ? "degraded" : "failing"} title={sentence(data.message)} />
      ) : null}
      {data.last_error ? (
        <Notice tone="failing" title={t("certificates.notRenewed")}>
          {sentence(data.last_error)}
        </Notice>
      ) : null}
      <Card>
        <Facts
          items={[
            {
              name: t("certificates.state"),
              value: <State tone={STATUS_TONE[data.status]}>{t(`certificates.status.${data.status}`)}</State>,
            },
            { name: t("certificates.domains"), value: data.domains.join(", ") },
            { name: t("certificates.issuer"), value: data.issuer || "–" },
            {
              name: t("certificates.page.notBefore"),
              value: data.not_before ? dateTime(data.not_before) : "–",
            },
            {
              name: t("certificates.expires"),
              value: data.expires_at ? (
                <>
                  {dateTime(data.expires_at)} <span className="text-muted">(</span>
                  <Ago time={data.expires_at} />
                  <span className="text-muted">)</span>
                </>
              ) : (
                "–"
              ),
            },
            { name: t("certificates.page.provider"), value: providers[data.provider] ?? data.provider },
            {
              name: t("certificates.page.fingerprint"),
              value: data.fingerprint ? (
                <span className="flex items-center gap-1">
                  <code className="font-mono text-xs wrap-anywhere">{data.fingerprint}</code>
                  <CopyButton text={data.fingerprint} />
                </span>
              ) : (
                "–"
              ),
            },
            { name: t("certificates.page.uploaded"), value: dateTime(data.created_at) },
          ]}
        />
      </Card>
      <Card title={t("certificates.usedBy")}>
        {data.used_by.length === 0 ? (
          <p className="text-muted">
            {t(data.provider === "internal" ? "certificates.page.itself" : "certificates.page.none")}
          </p>
        ) : (
          <ul className="flex flex-col gap-1.5">
            {data.used_by.map((host) => (
              <li key={host.uuid}>
                <TextLink to={`/proxy-hosts/${host.uuid}`}>{host.name}</TextLink>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <DownloadCertificate certificate={downloading.value ? data : undefined} onClose={downloading.close} />
      <DeleteCertificate
        certificate={deleting.value ? data : undefined}
        onClose={deleting.close}
        onDeleted={() => void navigate("/certificates")}
      />
    </Page>
  );
}
