// What can be done to hosts from the list and from a host's page.
import { useQueryClient } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries, refreshServed } from "@/api/queries";
import type { BulkRequest, Host } from "@/api/schema";
import { clockTime, sentence } from "@/ui/format";
import { problemText } from "@/ui/problem-text";
import { toast } from "@/ui/toast";
import { EMPTY, hostName, toValues, toWrite } from "./values";

/** What happened to a saved host, in words: served since when and in which revision, or why not. */
export function outcome(t: TFunction, host: Host): { tone: "live" | "degraded" | "failing"; text: string } {
  const { state, since, revision, message, remedy } = host.status;
  if (state === "serving") {
    const time = clockTime(since);
    return {
      tone: "live",
      text: revision ? t("hosts.servingSince", { time, revision }) : t("hosts.servingSinceOnly", { time }),
    };
  }
  if (state === "disabled") return { tone: "live", text: t("hosts.savedDisabled") };
  if (state === "pending") return { tone: "degraded", text: t("hosts.savedPending") };
  return {
    tone: "failing",
    text: t("hosts.savedLeftOut", { why: sentence(message), remedy: sentence(remedy) }),
  };
}

export function useHostActions() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const fail = (error: unknown) => toast("failing", problemText(t, error));

  const setEnabled = async (host: Host, enabled: boolean) => {
    try {
      const next = await body(
        api.PUT("/api/v1/proxy-hosts/{uuid}", { params: { path: { uuid: host.uuid } }, body: { enabled } }),
      );
      client.setQueryData(queries.host(host.uuid).queryKey, next);
      const { tone, text } = outcome(t, next);
      toast(tone, t("hosts.enabledNow", { name: hostName(next), what: text }));
    } catch (error) {
      fail(error);
    }
    await refreshServed(client);
  };

  const giveUp = async (host: Host, setting: Host["carried"][number]) => {
    try {
      const next = await body(
        api.PUT("/api/v1/proxy-hosts/{uuid}", {
          params: { path: { uuid: host.uuid } },
          body: { give_up: [setting] },
        }),
      );
      client.setQueryData(queries.host(host.uuid).queryKey, next);
      const { tone, text } = outcome(t, next);
      toast(tone, text);
    } catch (error) {
      fail(error);
    }
    await refreshServed(client);
  };

  const remove = async (host: Host): Promise<boolean> => {
    const name = hostName(host);
    try {
      await api.DELETE("/api/v1/proxy-hosts/{uuid}", { params: { path: { uuid: host.uuid } } });
    } catch (error) {
      fail(error);
      return false;
    }
    client.setQueryData<Host[]>(queries.hosts().queryKey, (all) =>
      all?.filter((each) => each.uuid !== host.uuid),
    );
    void refreshServed(client);
    const undo = async () => {
      try {
        await api.POST("/api/v1/proxy-hosts", { body: toWrite(toValues(host), EMPTY) });
        toast("live", t("hosts.restored", { name }));
      } catch (error) {
        fail(error);
      }
      await refreshServed(client);
    };
    toast(
      "live",
      t("hosts.deleted", { name }),
      host.carried.length > 0 ? undefined : { label: t("ui.undo"), run: () => void undo() },
    );
    return true;
  };

  const bulk = async (request: BulkRequest) => {
    const result = await body(api.POST("/api/v1/proxy-hosts/bulk", { body: request }));
    await refreshServed(client);
    const first = result.errors[0];
    if (result.updated > 0)
      toast("live", t("hosts.bulkDone", { count: result.updated, revision: result.revision ?? "–" }));
    if (first) toast("failing", t("hosts.bulkFailed", { count: result.errors.length, first: first.error }));
  };

  return { giveUp, setEnabled, remove, bulk, fail };
}
