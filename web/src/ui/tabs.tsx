// Tabs whose choice lives in the URL.
import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useParam } from "./url-state";

export function Tabs({
  label,
  tabs,
}: {
  label: string;
  tabs: { id: string; title: string; content: () => ReactNode }[];
}) {
  const [tab, setTab] = useParam("tab", tabs[0]?.id);
  const active = tabs.some((each) => each.id === tab) ? tab : (tabs[0]?.id ?? "");
  return (
    <Radix.Root value={active} onValueChange={setTab} className="flex min-w-0 flex-col gap-4">
      <Radix.List aria-label={label} className="flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((each) => (
          <Radix.Trigger
            key={each.id}
            value={each.id}
            className="-mb-px h-10 shrink-0 border-b-2 border-transparent px-3 text-muted hover:text-text focus-visible:-outline-offset-2 max-sm:h-11 data-[state=active]:border-accent data-[state=active]:text-text"
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
