// Before a change: what it would do. After it: what became of it. The change stands in the URL as `action about`.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import type { AgentAction, AgentChange } from "@/api/schema";
import { Button } from "@/ui/button";
import { Dialog, useDialog } from "@/ui/dialog";
import { sentence } from "@/ui/format";
import { Notice } from "@/ui/notice";
import { problemText } from "@/ui/problem-text";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { readWish, writeWish } from "./values";

/** Opens the question before a change. */
export function useApply(): (action: AgentAction, about?: string) => void {
  const dialog = useDialog("change");
  return (action, about = "") => dialog.open(writeWish({ action, about }));
}

export function ApplyDialog() {
  const { t } = useTranslation();
  const dialog = useDialog("change");
  const client = useQueryClient();
  const wish = readWish(dialog.value);
  const preview = useQuery({ ...queries.crowdsecPreview(wish), enabled: wish !== undefined });
  const applying = useMutation({
    mutationFn: (input: { action: AgentAction; about: string }) =>
      body(api.POST("/api/v1/security/crowdsec/changes", { body: input })),
    onSuccess: (change) => {
      void client.invalidateQueries({ queryKey: ["security"] });
      if (change.status === "applied") {
        toast("live", t("crowdsec.done"));
        close();
      } else if (!change.over) {
        toast("degraded", t("crowdsec.underWay"));
        close();
      }
    },
  });
  const close = () => {
    applying.reset();
    dialog.close();
  };
  if (!wish) return null;
  const refused: AgentChange | undefined = applying.data?.over ? applying.data : undefined;
  const { data } = preview;
  const nothing =
    data !== undefined &&
    ["install", "remove", "upgrade"].includes(wish.action) &&
    data.adds.length + data.removes.length + data.upgrades.length === 0;
  return (
    <Dialog
      open
      onClose={close}
      title={t(`crowdsec.ask.${wish.action}`, { about: wish.about })}
      footer={
        <>
          <Button onClick={close}>{t("ui.cancel")}</Button>
          <Button
            look="primary"
            busy={applying.isPending}
            disabled={!data || refused !== undefined}
            onClick={() => applying.mutate(wish)}
          >
            {t(`crowdsec.do.${wish.action}`)}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {preview.error ? <Notice tone="failing">{problemText(t, preview.error)}</Notice> : null}
        {!data && !preview.error ? <SkeletonRows rows={2} /> : null}
        {data ? (
          <>
            <List name={t("crowdsec.adds")} items={data.adds} />
            <List name={t("crowdsec.removes")} items={data.removes} />
            <List
              name={t("crowdsec.upgrades")}
              items={data.upgrades.map((each) => `${each.item}: ${each.from} → ${each.to}`)}
            />
            <List name={t("crowdsec.fetches")} items={data.fetches} />
            {nothing ? <p>{t("crowdsec.changesNothing")}</p> : null}
          </>
        ) : null}
        <p className="text-muted">{t("crowdsec.howApplied")}</p>
        {applying.error ? <Notice tone="failing">{problemText(t, applying.error)}</Notice> : null}
        {refused && refused.status !== "applied" ? (
          <Notice tone="failing" title={t(`crowdsec.status.${refused.status as "failed" | "rolled_back"}`)}>
            {sentence(refused.error)}
          </Notice>
        ) : null}
      </div>
    </Dialog>
  );
}

function List({ name, items }: { name: string; items: string[] }) {
  if (items.length === 0) return null;
  return (
    <div>
      <h3 className="text-sm font-medium">
        {name} ({items.length})
      </h3>
      <ul className="mt-1 max-h-48 overflow-y-auto font-mono text-sm text-muted" tabIndex={0}>
        {items.map((item) => (
          <li key={item} className="wrap-anywhere">
            {item}
          </li>
        ))}
      </ul>
    </div>
  );
}
