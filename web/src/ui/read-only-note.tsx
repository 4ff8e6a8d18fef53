// Why there is no button to change anything here.
import { Lock } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/api/session";

export function ReadOnlyNote() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <p className="flex max-w-sm items-start gap-2 text-sm text-muted">
      <Lock aria-hidden size={14} className="mt-0.75 shrink-0" />
      {t("ui.onlyAdmin", { role: me ? t(`role.${me.role}`) : "" })}
    </p>
  );
}
