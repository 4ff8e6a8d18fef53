// The state of the installation: one dot, one sentence, on every page.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import { useLive } from "@/live/hooks";
import { Dot } from "@/ui/badge";
import { TONE_TEXT, cx, type Tone } from "@/ui/classes";
import { clockTime, sentence } from "@/ui/format";

export function StateOfAll() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const health = useQuery(queries.health());
  useLive("health", () => void client.invalidateQueries({ queryKey: ["health"] }));

  let tone: Tone = "neutral";
  let text = t("shell.stateUnknown");
  if (health.error) {
    tone = "failing";
    text = t("shell.stateGone", { time: clockTime(health.dataUpdatedAt || health.errorUpdatedAt) });
  } else if (health.data) {
    const { status, problems } = health.data;
    const worst = problems.find((problem) => problem.severity === "failing");
    if (status === "ok") [tone, text] = ["live", t("shell.stateOk")];
    else if (status === "failing" && worst)
      [tone, text] = [
        "failing",
        t("shell.stateFailing", { count: problems.length, what: sentence(worst.message) }),
      ];
    else [tone, text] = ["degraded", t("shell.stateDegraded", { count: problems.length })];
  }
  return (
    <Link
      to="/"
      className="flex h-9 min-w-0 items-center gap-2 rounded-md px-2 hover:bg-hover max-sm:h-11"
      aria-live="polite"
    >
      <Dot tone={tone} />
      <span className={cx("truncate text-sm", TONE_TEXT[tone])}>{text}</span>
    </Link>
  );
}
