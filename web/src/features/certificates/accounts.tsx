// The accounts that are registered at authorities, and giving them up.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { queries } from "@/api/queries";
import type { Acme } from "@/api/schema";
import { useMay } from "@/api/session";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { useDialog } from "@/ui/dialog";
import { date } from "@/ui/format";

export function Accounts({ accounts }: { accounts: Acme["accounts"] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const mayEdit = useMay("admin");
  const leaving = useDialog("leave");
  const giving = useMutation({
    mutationFn: (directory: string) => api.POST("/api/v1/acme/leave", { body: { directory } }),
    onSuccess: () => {
      leaving.close();
      return client.invalidateQueries({ queryKey: queries.acme().queryKey });
    },
  });
  const chosen = accounts.find((each) => each.directory === leaving.value);
  if (accounts.length === 0) return null;
  return (
    <section className="flex flex-col gap-2">
      <h3 className="font-medium">{t("certificates.accounts.title")}</h3>
      <ul className="divide-y divide-line rounded-md border border-line">
        {accounts.map((account) => (
          <li
            key={account.directory}
            className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-3 py-2.5"
          >
            <div className="min-w-0">
              <p className="font-mono text-sm wrap-anywhere">{account.directory}</p>
              <p className="text-sm text-muted">
                {t("certificates.accounts.since", { date: date(account.created_at) })}
                {account.email ? ` · ${account.email}` : ""}
              </p>
            </div>
            {account.leaving ? (
              <State tone="degraded">{t("certificates.accounts.leaving")}</State>
            ) : mayEdit ? (
              <Button
                size="sm"
                aria-label={t("certificates.accounts.leaveTitle", { directory: account.directory })}
                onClick={() => leaving.open(account.directory)}
              >
                {t("certificates.accounts.leave")}
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
      <Confirm
        open={chosen !== undefined}
        title={t("certificates.accounts.leaveTitle", { directory: chosen?.directory })}
        action={t("certificates.accounts.leave")}
        busy={giving.isPending}
        error={giving.error}
        onClose={() => {
          giving.reset();
          leaving.close();
        }}
        onConfirm={() => chosen && giving.mutate(chosen.directory)}
      >
        {t("certificates.accounts.leaveText")}
      </Confirm>
    </section>
  );
}
