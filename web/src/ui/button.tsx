// Buttons and links that look like them. A busy button keeps its width and says so to assistive technology.
import type { ComponentProps, ReactNode } from "react";
import { Link, type LinkProps } from "react-router";
import { cx } from "./classes";

type Look = "primary" | "plain" | "quiet" | "danger";
type Size = "md" | "sm" | "icon";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent font-medium hover:bg-accent-hover",
  plain: "border border-line-strong bg-surface text-text hover:bg-hover",
  quiet: "text-muted hover:bg-hover hover:text-text",
  danger: "bg-failing-solid text-on-failing font-medium hover:brightness-110",
};
const SIZES: Record<Size, string> = {
  md: "h-9 px-3.5 max-sm:h-11",
  sm: "h-7 px-2.5 text-sm max-sm:h-10",
  icon: "size-9 justify-center max-sm:size-11",
};

export function buttonClass(look: Look = "plain", size: Size = "md"): string {
  return cx(
    "inline-flex shrink-0 items-center justify-center gap-2 rounded-md whitespace-nowrap transition-colors",
    "aria-disabled:opacity-55 disabled:opacity-55",
    LOOKS[look],
    SIZES[size],
  );
}

export function Button({
  look,
  size,
  busy = false,
  icon,
  className,
  children,
  onClick,
  ...rest
}: ComponentProps<"button"> & { look?: Look; size?: Size; busy?: boolean; icon?: ReactNode }) {
  return (
    <button
      type="button"
      {...rest}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
      className={cx(buttonClass(look, size), className)}
    >
      {icon}
      {children}
    </button>
  );
}

export function ButtonLink({
  look,
  size,
  icon,
  className,
  children,
  ...rest
}: LinkProps & { look?: Look; size?: Size; icon?: ReactNode }) {
  return (
    <Link {...rest} className={cx(buttonClass(look, size), className)}>
      {icon}
      {children}
    </Link>
  );
}

export function TextLink({ className, ...rest }: LinkProps) {
  return (
    <Link
      {...rest}
      className={cx(
        "rounded-sm text-text underline decoration-line-strong underline-offset-3 hover:decoration-current",
        className,
      )}
    />
  );
}
