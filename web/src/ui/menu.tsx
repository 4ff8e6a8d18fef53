// A menu of actions behind a button.
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { cx } from "./classes";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  phoneOnly?: boolean;
  checked?: boolean;
  to?: string;
  onSelect?: () => void;
}

const ITEM =
  "flex h-9 w-full items-center gap-2.5 rounded-sm px-2.5 text-left outline-none select-none max-sm:h-11 data-[highlighted]:bg-hover";

export function Menu({
  trigger,
  head,
  groups,
  align = "end",
}: {
  trigger: ReactNode;
  head?: ReactNode;
  groups: MenuItem[][];
  align?: "start" | "end";
}) {
  return (
    // Not modal, and inside the page's landmark: a modal one would hide the whole page from assistive technology,
    // with links in it that can still be focused.
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={document.getElementById("content")}>
        <DropdownMenu.Content
          align={align}
          sideOffset={6}
          className="z-50 min-w-48 rounded-md border border-line bg-raised p-1 shadow-pop"
        >
          {head ? <DropdownMenu.Label className="px-2.5 py-2">{head}</DropdownMenu.Label> : null}
          {groups.map((items, group) => (
            <div
              key={items[0]?.label ?? group}
              className={cx(
                items.every((item) => item.phoneOnly) && "sm:hidden",
                group > 0 || head
                  ? "border-t border-line pt-1 [&:not(:last-child)]:pb-1"
                  : "[&:not(:last-child)]:pb-1",
              )}
            >
              {items.map((item) => (
                <DropdownMenu.Item
                  key={item.label}
                  asChild={item.to !== undefined}
                  {...(item.onSelect ? { onSelect: item.onSelect } : {})}
                  {...(item.checked === undefined
                    ? {}
                    : { role: "menuitemradio", "aria-checked": item.checked })}
                  className={cx(ITEM, item.danger && "text-failing", item.phoneOnly && "sm:hidden")}
                >
                  {item.to === undefined ? (
                    <>
                      {item.icon}
                      <span className="flex-1">{item.label}</span>
                      {item.checked ? <span aria-hidden>✓</span> : null}
                    </>
                  ) : (
                    <Link to={item.to}>
                      {item.icon}
                      {item.label}
                    </Link>
                  )}
                </DropdownMenu.Item>
              ))}
            </div>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
