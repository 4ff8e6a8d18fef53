// The columns of the list of certificates.
import type { ColumnDef } from "@tanstack/react-table";
import type { TFunction } from "i18next";
import type { Certificate } from "@/api/schema";
import { State } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import type { Tone } from "@/ui/classes";
import { date, sentence } from "@/ui/format";
import { Ago } from "@/ui/time";

export const STATUS_TONE: Record<Certificate["status"], Tone> = {
  valid: "live",
  expiring: "degraded",
  expired: "failing",
  unusable: "failing",
};

export function certificateColumns(t: TFunction): ColumnDef<Certificate>[] {
  return [
    {
      id: "name",
      accessorFn: (each) => each.name.toLowerCase(),
      header: t("certificates.name"),
      cell: ({ row: { original } }) => (
        <div className="min-w-0">
          <TextLink to={`/certificates/${original.uuid}`} className="font-medium">
            {original.name}
          </TextLink>
          <p className="truncate text-xs text-muted sm:max-w-64">{original.domains.join(", ")}</p>
        </div>
      ),
    },
    {
      id: "state",
      accessorFn: (each) => each.status,
      header: t("certificates.state"),
      cell: ({ row: { original } }) => (
        <div>
          <State tone={STATUS_TONE[original.status]}>{t(`certificates.status.${original.status}`)}</State>
          {original.status !== "valid" && original.message ? (
            <p className="max-w-72 text-xs text-muted">{sentence(original.message)}</p>
          ) : null}
          {original.last_error ? (
            <p className="max-w-72 text-xs text-failing">
              {t("certificates.lastError", { reason: sentence(original.last_error) })}
            </p>
          ) : null}
        </div>
      ),
    },
    {
      id: "expires",
      accessorFn: (each) => each.expires_at ?? "",
      header: t("certificates.expires"),
      cell: ({ row: { original } }) =>
        original.expires_at ? (
          <span className="whitespace-nowrap">
            {date(original.expires_at)}
            <span className="block text-xs text-muted">
              <Ago time={original.expires_at} />
            </span>
          </span>
        ) : (
          "–"
        ),
    },
    {
      id: "issuer",
      accessorFn: (each) => each.issuer,
      header: t("certificates.issuer"),
      cell: ({ getValue }) => <span className="text-muted">{getValue<string>()}</span>,
      meta: { className: "max-lg:hidden" },
    },
    {
      id: "used",
      accessorFn: (each) => each.used_by.length,
      header: t("certificates.usedBy"),
      cell: ({ row: { original } }) =>
        original.used_by.length === 0 ? (
          <span className="text-muted">
            {t(original.auto_renew ? "certificates.usedByItself" : "certificates.usedByNobody")}
          </span>
        ) : (
          <span className="flex flex-wrap gap-x-3">
            {original.used_by.slice(0, 3).map((host) => (
              <TextLink key={host.uuid} to={`/proxy-hosts/${host.uuid}`}>
                {host.name}
              </TextLink>
            ))}
            {original.used_by.length > 3 ? `+${original.used_by.length - 3}` : null}
          </span>
        ),
    },
  ];
}
