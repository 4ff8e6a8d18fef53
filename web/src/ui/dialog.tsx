// Dialogs live in the URL: the back button closes them and a reload brings them back.
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { buttonClass } from "./button";
import { cx } from "./classes";

export interface DialogState {
  /** The value of the dialog's parameter, or null while it is closed. */
  value: string | null;
  open: (value?: string) => void;
  close: () => void;
}

export function useDialog(name: string): DialogState {
  const [params, setParams] = useSearchParams();
  const write = (value: string | null, replace: boolean) =>
    setParams(
      (current) => {
        const next = new URLSearchParams(current);
        if (value === null) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace, preventScrollReset: true },
    );
  return {
    value: params.get(name),
    open: (value = "open") => write(value, false),
    close: () => write(null, true),
  };
}

export function Dialog({
  open,
  onClose,
  title,
  description,
  children,
  footer,
  side = false,
}: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  footer?: ReactNode;
  /** Opens along the right edge, for details beside a list. */
  side?: boolean;
}) {
  const { t } = useTranslation();
  return (
    <Radix.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-overlay" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onOpenAutoFocus={(event) => {
            // The first field is where typing should go; a dialog without one is read from its start.
            event.preventDefault();
            const dialog = event.currentTarget as HTMLElement;
            (dialog.querySelector<HTMLElement>("input, textarea, select") ?? dialog).focus();
          }}
          className={cx(
            "fixed z-50 flex flex-col border border-line bg-surface shadow-pop outline-none",
            side
              ? "inset-y-0 right-0 w-full max-w-xl"
              : "top-1/2 left-1/2 max-h-[90dvh] w-[min(32rem,calc(100vw-2rem))] -translate-1/2 rounded-lg",
          )}
        >
          <div className="flex items-start justify-between gap-4 px-5 pt-4 pb-2">
            <div className="min-w-0">
              <Radix.Title className="text-lg font-semibold wrap-anywhere">{title}</Radix.Title>
              {description ? (
                <Radix.Description className="mt-1 text-muted">{description}</Radix.Description>
              ) : null}
            </div>
            <Radix.Close aria-label={t("ui.close")} className={cx(buttonClass("quiet", "icon"), "-mr-2")}>
              <X aria-hidden size={18} />
            </Radix.Close>
          </div>
          {/* Focusable, so that a long text can be scrolled by keyboard. */}
          <div
            tabIndex={0}
            className="min-h-0 flex-1 overflow-y-auto px-5 py-2 focus-visible:-outline-offset-2"
          >
            {children}
          </div>
          {footer ? (
            <div className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">{footer}</div>
          ) : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
