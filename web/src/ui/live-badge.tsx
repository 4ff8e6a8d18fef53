// Says honestly whether what is shown is live, and offers to try again when it is not.
import { useTranslation } from "react-i18next";
import { useLiveRetry, useLiveState } from "@/live/hooks";
import { State } from "./badge";
import { Button } from "./button";

export function LiveBadge() {
  const { t } = useTranslation();
  const state = useLiveState();
  const retry = useLiveRetry();
  return (
    <span role="status" className="inline-flex items-center gap-2 text-sm">
      {state.kind === "live" ? <State tone="live">{t("live.live")}</State> : null}
      {state.kind === "connecting" ? <State tone="neutral">{t("live.connecting")}</State> : null}
      {state.kind === "reconnecting" ? (
        <State tone="degraded">{t("live.reconnecting", { reason: t(`live.reason.${state.reason}`) })}</State>
      ) : null}
      {state.kind === "off" ? (
        <State tone="failing">{t("live.off", { reason: t(`live.reason.${state.reason}`) })}</State>
      ) : null}
      {state.kind === "reconnecting" || (state.kind === "off" && state.reason !== "session-ended") ? (
        <Button size="sm" onClick={retry}>
          {t("live.retry")}
        </Button>
      ) : null}
    </span>
  );
}
