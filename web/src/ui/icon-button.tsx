// An icon with a name: the name is the accessible label and the tooltip.
import { Tooltip } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { buttonClass } from "./button";
import { cx } from "./classes";

export function Hint({ text, children }: { text: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          sideOffset={6}
          className="z-50 max-w-72 rounded-md border border-line bg-raised px-2.5 py-1.5 text-xs text-text shadow-pop"
        >
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export function IconButton({
  label,
  className,
  children,
  ...rest
}: ComponentProps<"button"> & { label: string }) {
  return (
    <Hint text={label}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        className={cx(buttonClass("quiet", "icon"), className)}
      >
        {children}
      </button>
    </Hint>
  );
}
