// The sign-in over a page whose session has ended: the page and what was typed in it stay.
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { Dialog } from "@/ui/dialog";
import { LoginForm } from "./login-form";

export default function SessionEnded({ email, onRenewed }: { email: string; onRenewed: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  return (
    <Dialog
      open
      onClose={() => window.location.assign("/login")}
      title={t("session.expiredTitle")}
      description={t("session.expiredText")}
    >
      <div className="pb-4">
        <LoginForm
          email={email}
          onDone={(user) => {
            client.setQueryData(queries.authStatus().queryKey, { authenticated: true, user });
            onRenewed();
            void client.invalidateQueries();
          }}
        />
      </div>
    </Dialog>
  );
}
