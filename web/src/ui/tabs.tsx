// Tabs whose choice lives in the URL.
import { Tabs as Radix } from "radix-ui";
import { useEffect, useRef, type ReactNode } from "react";
import { cx } from "./classes";
import { useParam } from "./url-state";

const LIST = {
  line: "flex gap-1 overflow-x-auto border-b border-line",
  pills: "flex w-fit max-w-full gap-1 overflow-x-auto rounded-md border border-line bg-raised p-1",
};
const TRIGGER = {
  line: "-mb-px h-10 border-b-2 border-transparent px-3 max-sm:h-11 data-[state=active]:border-accent data-[state=active]:text-text",
  pills:
    "h-8 rounded-sm px-3 text-sm max-sm:h-11 data-[state=active]:bg-surface data-[state=active]:font-medium data-[state=active]:text-text data-[state=active]:shadow-sm",
};

/** `param`: its name in the URL. `pills`: within a tab. */
export function Tabs({
  label,
  tabs,
  param = "tab",
  look = "line",
}: {
  label: string;
  tabs: { id: string; title: string; content: () => ReactNode }[];
  param?: string;
  look?: "line" | "pills";
}) {
  const [tab, setTab] = useParam(param, tabs[0]?.id);
  const active = tabs.some((each) => each.id === tab) ? tab : (tabs[0]?.id ?? "");
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Where not all of them have room, the one that is chosen is seen. Sideways alone: the page stays where it is.
    const chosen = list.current?.querySelector<HTMLElement>("[data-state=active]");
    if (list.current && chosen)
      list.current.scrollLeft =
        chosen.offsetLeft - (list.current.clientWidth - chosen.clientWidth) / 2 - list.current.offsetLeft;
  }, [active]);
  return (
    <Radix.Root value={active} onValueChange={setTab} className="flex min-w-0 flex-col gap-4">
      <Radix.List ref={list} aria-label={label} className={LIST[look]}>
        {tabs.map((each) => (
          <Radix.Trigger
            key={each.id}
            value={each.id}
            className={cx(
              "shrink-0 text-muted hover:text-text focus-visible:-outline-offset-2",
              TRIGGER[look],
            )}
          >
            {each.title}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((each) => (
        <Radix.Content key={each.id} value={each.id} className="flex min-w-0 flex-col gap-4">
          {each.content()}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
