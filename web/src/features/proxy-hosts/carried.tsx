// Settings that a host carries from the original Charon: what they do now, and a way to give them up on purpose.
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import type { Host } from "@/api/schema";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { Notice } from "@/ui/notice";
import { useHostActions } from "./actions";

type Setting = Host["carried"][number];

export function CarriedSettings({ host }: { host: Host }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const actions = useHostActions();
  const asking = useDialog("give-up");
  const [busy, setBusy] = useState(false);
  if (host.carried.length === 0) return null;
  const giveUp = async (setting: Setting) => {
    setBusy(true);
    await actions.giveUp(host, setting);
    setBusy(false);
    asking.close();
  };
  const asked = host.carried.find((setting) => setting === asking.value);
  return (
    <div className="mt-4 flex flex-col gap-3">
      {host.carried.map((setting) => (
        <Notice
          key={setting}
          tone={setting === "access_list" ? "info" : "degraded"}
          title={t(`hosts.carried.${setting}.title`, { name: host.access_list ?? "" })}
          action={
            mayEdit ? (
              <Button size="sm" onClick={() => asking.open(setting)}>
                {t(`hosts.carried.${setting}.action`)}
              </Button>
            ) : undefined
          }
        >
          <p>{t(`hosts.carried.${setting}.text`)}</p>
          {setting === "advanced_config" ? (
            <pre
              tabIndex={0}
              aria-label={t("hosts.carried.advanced_config.title")}
              className="mt-2 max-h-60 overflow-auto rounded-md border border-line bg-bg p-3 font-mono text-xs whitespace-pre-wrap"
            >
              {host.advanced_config}
            </pre>
          ) : null}
        </Notice>
      ))}
      <Confirm
        open={asked !== undefined}
        title={asked ? t(`hosts.carried.${asked}.action`) : ""}
        action={asked ? t(`hosts.carried.${asked}.action`) : ""}
        busy={busy}
        onConfirm={() => (asked ? void giveUp(asked) : undefined)}
        onClose={asking.close}
      >
        <p>{asked ? t(`hosts.carried.${asked}.confirm`) : ""}</p>
      </Confirm>
    </div>
  );
}
