// Problems of the installation: a sentence, since when, and what mends it.
import { useTranslation } from "react-i18next";
import type { Standing } from "@/api/schema";
import { State } from "./badge";
import { ButtonLink } from "./button";
import { Command } from "./copy";
import { sentence } from "./format";
import { Elapsed } from "./time";

/** Text between backquotes in a remedy is a command to copy. */
export function remedyParts(remedy: string): { text: string; command: string | null } {
  const match = /`([^`]+)`/.exec(remedy);
  return { text: remedy.replaceAll("`", ""), command: match?.[1] ?? null };
}

export function ProblemList({ problems }: { problems: Standing[] }) {
  const { t } = useTranslation();
  return (
    <ul className="divide-y divide-line">
      {problems.map((problem) => {
        const { text, command } = remedyParts(problem.remedy);
        const place = problem.link;
        return (
          <li
            key={`${problem.component}/${problem.code}/${problem.subject}`}
            className="flex flex-wrap gap-x-4 gap-y-2 px-4 py-3"
          >
            <div className="w-24 shrink-0 max-sm:w-auto">
              <State tone={problem.severity}>{t(`severity.${problem.severity}`)}</State>
            </div>
            <div className="min-w-0 flex-1 basis-64">
              <p className="font-medium wrap-anywhere">{sentence(problem.message)}</p>
              <p className="text-muted wrap-anywhere">{sentence(text)}</p>
              {command ? <Command text={command} className="mt-2 max-w-xl" /> : null}
            </div>
            <div className="flex items-start gap-3 text-sm text-muted max-sm:items-center">
              <span className="pt-1 max-sm:pt-0">
                {t("ui.lasting")} <Elapsed time={problem.since} />
              </span>
              {place.startsWith("/") ? (
                <ButtonLink size="sm" to={place}>
                  {t("ui.look")}
                </ButtonLink>
              ) : null}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
