// The columns of the list of hosts.
import type { ColumnDef } from "@tanstack/react-table";
import type { TFunction } from "i18next";
import type { Certificate, Host } from "@/api/schema";
import { Badge, State } from "@/ui/badge";
import { TextLink } from "@/ui/button";
import type { Tone } from "@/ui/classes";
import { sentence } from "@/ui/format";
import { Ago } from "@/ui/time";
import { hostName, phaseOf, targetText, type Phase } from "./values";

export const STATE_TONE: Record<Phase, Tone> = {
  serving: "live",
  disabled: "neutral",
  left_out: "failing",
  pending: "degraded",
  maintenance: "degraded",
};

export function HostState({ host, t }: { host: Host; t: TFunction }) {
  const { message } = host.status;
  const state = phaseOf(host);
  const word = <State tone={STATE_TONE[state]}>{t(`hosts.states.${state}`)}</State>;
  if (state !== "left_out" || !message) return word;
  return (
    <div>
      {word}
      <p className="line-clamp-2 max-w-72 text-xs whitespace-normal text-muted">{sentence(message)}</p>
    </div>
  );
}

export function hostColumns(t: TFunction, certificates: Certificate[]): ColumnDef<Host>[] {
  return [
    {
      id: "name",
      accessorFn: (host) => hostName(host).toLowerCase(),
      header: t("hosts.name"),
      cell: ({ row: { original: host } }) => (
        <div className="min-w-0">
          <TextLink to={`/proxy-hosts/${host.uuid}`} className="font-medium wrap-anywhere">
            {hostName(host)}
          </TextLink>
          <p className="truncate text-xs text-muted sm:max-w-52" title={host.domains.join(", ")}>
            {host.domains.join(", ")}
          </p>
        </div>
      ),
    },
    {
      id: "state",
      accessorFn: phaseOf,
      header: t("hosts.state"),
      cell: ({ row }) => <HostState host={row.original} t={t} />,
    },
    {
      id: "target",
      accessorFn: (host) => targetText(host),
      header: t("hosts.target"),
      cell: ({ getValue }) => (
        <span
          className="block font-mono text-sm max-sm:wrap-anywhere sm:max-w-44 sm:truncate"
          title={getValue<string>()}
        >
          {getValue<string>()}
        </span>
      ),
    },
    {
      id: "tls",
      accessorFn: (host) => (host.certificate_uuid ? 1 : 0),
      header: t("hosts.tls"),
      cell: ({ row: { original: host } }) => {
        const own = certificates.find((each) => each.uuid === host.certificate_uuid);
        return (
          <span className="flex gap-1 max-sm:flex-wrap">
            {host.certificate_uuid ? (
              <span title={own?.name ?? t("hosts.cert.missing")}>
                <Badge tone={own && own.status !== "valid" ? "degraded" : "live"}>
                  {t("hosts.cert.own")}
                </Badge>
              </span>
            ) : (
              <Badge tone={host.automatic_certificate ? "live" : "neutral"}>
                {t(host.automatic_certificate ? "hosts.cert.automatic" : "hosts.cert.internal")}
              </Badge>
            )}
            {host.ssl_forced ? <Badge tone="info">{t("hosts.cert.forced")}</Badge> : null}
          </span>
        );
      },
    },
    {
      id: "tags",
      accessorFn: (host) => host.tags.join(" "),
      header: t("hosts.tags"),
      cell: ({ row: { original: host } }) => (
        <span className="flex flex-wrap gap-1 sm:flex-nowrap" title={host.tags.join(", ")}>
          {host.tags.slice(0, 2).map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
          {host.tags.length > 2 ? <Badge>{`+${host.tags.length - 2}`}</Badge> : null}
        </span>
      ),
      meta: { className: "max-lg:hidden" },
    },
    {
      id: "updated",
      accessorFn: (host) => host.updated_at,
      header: t("hosts.updated"),
      cell: ({ row }) => (
        <span className="text-muted">
          <Ago time={row.original.updated_at} />
        </span>
      ),
      meta: { align: "right", className: "max-[1400px]:hidden", phoneHidden: true },
    },
  ];
}
