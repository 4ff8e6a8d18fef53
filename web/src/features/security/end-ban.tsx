// Ends a ban after a question, and says what else still bans the same client.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import type { Ban } from "@/api/schema";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Notice } from "@/ui/notice";
import { toast } from "@/ui/toast";
import { endsBy } from "./values";

export function EndBan({ ban, onClose }: { ban: Ban; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  // What is asked for now: first what was chosen, then perhaps a network around it.
  const [asked, setAsked] = useState(ban);
  const [still, setStill] = useState<Ban[]>([]);
  const end = useMutation({
    mutationFn: (each: Ban) => body(api.POST("/api/v1/security/bans/end", { body: endsBy(each) })),
    onSuccess: (ended, each) => {
      toast("live", t("security.bans.ended", { value: each.value }));
      void client.invalidateQueries({ queryKey: ["security"] });
      const next = ended.still_banned[0];
      if (!next) {
        onClose();
        return;
      }
      setStill(ended.still_banned);
      setAsked(next);
    },
  });
  return (
    <Confirm
      open
      title={t("security.bans.endTitle", { value: asked.value })}
      action={t("security.bans.end")}
      danger={false}
      busy={end.isPending}
      error={end.error}
      onClose={onClose}
      onConfirm={() => end.mutate(asked)}
    >
      {still.length > 0 ? (
        <Notice tone="degraded" title={t("security.bans.still", { value: ban.value })}>
          <ul>
            {still.map((each) => (
              <li key={`${each.origin} ${each.value} ${each.type} ${each.id}`}>
                <span className="font-mono">{each.value}</span> · {each.reason || "–"}
              </li>
            ))}
          </ul>
        </Notice>
      ) : null}
      <p className={still.length > 0 ? "mt-3" : undefined}>
        {t(asked.scope === "range" ? "security.bans.endRangeText" : "security.bans.endText")}
      </p>
    </Confirm>
  );
}

/** The small button that opens the question. */
export function EndButton({ ban, onEnd }: { ban: Ban; onEnd: () => void }) {
  const { t } = useTranslation();
  return (
    <Button size="sm" onClick={onEnd} aria-label={`${t("security.bans.end")}: ${ban.value}`}>
      {t("security.bans.end")}
    </Button>
  );
}
