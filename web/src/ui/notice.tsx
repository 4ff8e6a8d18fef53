// Boxes that say something: a failed load with its remedy, an empty list with the next step, a remark.
import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { problemText } from "./problem-text";
import { Button } from "./button";
import { cx, TONE_TEXT } from "./classes";

const ICONS = { info: Info, degraded: TriangleAlert, failing: CircleAlert };
const EDGE = { info: "border-l-info", degraded: "border-l-degraded", failing: "border-l-failing" };

export function Notice({
  tone = "info",
  title,
  children,
  action,
}: {
  tone?: "info" | "degraded" | "failing";
  title?: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}) {
  const Icon = ICONS[tone];
  return (
    <div
      role={tone === "failing" ? "alert" : undefined}
      className={cx(
        "flex flex-wrap items-start gap-3 rounded-md border border-l-3 border-line bg-raised px-4 py-3",
        EDGE[tone],
      )}
    >
      <Icon aria-hidden size={18} className={cx("mt-0.5 shrink-0", TONE_TEXT[tone])} />
      <div className="min-w-0 flex-1 basis-52">
        {title ? <p className="font-medium">{title}</p> : null}
        {children ? <div className="text-muted wrap-anywhere">{children}</div> : null}
      </div>
      {action}
    </div>
  );
}

/** A load that failed: what happened, and a button that tries again. */
export function LoadFailed({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useTranslation();
  return (
    <Notice
      tone="failing"
      title={t("ui.loadFailed")}
      action={
        <Button size="sm" onClick={retry}>
          {t("ui.tryAgain")}
        </Button>
      }
    >
      {problemText(t, error)}
    </Notice>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-12 text-center">
      <p className="text-lg font-medium">{title}</p>
      {children ? <div className="max-w-prose text-muted">{children}</div> : null}
      {action ? <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div> : null}
    </div>
  );
}
