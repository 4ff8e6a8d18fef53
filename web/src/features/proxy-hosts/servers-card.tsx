// How each server of a host is, since when and why.
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import type { ServerState } from "@/api/schema";
import { useMay } from "@/api/session";
import { Badge, State } from "@/ui/badge";
import { Card } from "@/ui/card";
import type { Tone } from "@/ui/classes";
import { count, milliseconds } from "@/ui/format";
import { Ago, Elapsed } from "@/ui/time";
import { TestServers } from "./upstream-test";

const TONE: Record<ServerState["health"], Tone> = {
  unknown: "neutral",
  healthy: "live",
  failing: "failing",
  aside: "failing",
  slow_starting: "degraded",
};

export function ServersCard({ uuid, servers }: { uuid: string; servers: ServerState[] }) {
  const { t } = useTranslation();
  const mayTest = useMay("admin");
  const run = () =>
    body(api.POST("/api/v1/proxy-hosts/{uuid}/test-upstream", { params: { path: { uuid } } }));
  return (
    <Card title={t("hosts.servers.title")}>
      {servers.length === 0 ? <p className="text-sm text-muted">{t("hosts.servers.none")}</p> : null}
      <ul className="flex flex-col gap-3">
        {servers.map((server, index) => (
          <li key={index} className="flex flex-col gap-0.5 text-sm">
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <span className="font-mono wrap-anywhere">{`${server.scheme}://${server.address}`}</span>
              {server.location ? (
                <Badge>{t("hosts.servers.location", { path: server.location })}</Badge>
              ) : null}
              {server.backup ? <Badge>{t("hosts.servers.backup")}</Badge> : null}
              <State tone={TONE[server.health]}>
                {/* One child: between children of a state stands a gap. */}
                <span>
                  {t(`hosts.servers.health.${server.health}`)}
                  {server.health === "unknown" ? null : (
                    <>
                      {" "}
                      {t("ui.lasting")} <Elapsed time={server.since} />
                    </>
                  )}
                </span>
              </State>
            </div>
            {server.why ? <p className="text-muted">{t("hosts.servers.why", { why: server.why })}</p> : null}
            {server.name_error ? (
              <p className="text-failing">{t("hosts.servers.name", { error: server.name_error })}</p>
            ) : null}
            {server.last_check ? (
              <p className="text-muted">
                {t("hosts.servers.check", {
                  message: server.last_check.message,
                  time: milliseconds(server.last_check.took_ms),
                })}
                , <Ago time={server.last_check.at} />
              </p>
            ) : null}
            <p className="text-muted tabular-nums">
              {t("hosts.servers.figures", {
                active: count(server.active),
                requests: count(server.requests),
                failures: count(server.failures),
                ejections: count(server.ejections),
              })}
            </p>
          </li>
        ))}
      </ul>
      {mayTest ? (
        <div className="mt-4 border-t border-line pt-4">
          <TestServers of={uuid} run={run} size="sm" />
        </div>
      ) : null}
    </Card>
  );
}
