// Switch and checkbox, with the label as part of the target.
import { Check, Minus } from "lucide-react";
import { useId, type ReactNode } from "react";
import { cx } from "./classes";

export function Switch({
  label,
  hint,
  checked,
  onChange,
  disabled = false,
}: {
  label: string;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-3 max-sm:min-h-11 max-sm:items-center">
      <button
        id={id}
        type="button"
        role="switch"
        aria-checked={checked}
        disabled={disabled}
        onClick={() => onChange(!checked)}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className={cx(
          "relative mt-0.5 h-5 w-9 shrink-0 rounded-full border transition-colors after:absolute after:-inset-3 disabled:opacity-50",
          checked ? "border-live bg-live" : "border-line-strong bg-raised",
        )}
      >
        <span
          aria-hidden
          className={cx(
            "block size-3.5 rounded-full transition-transform",
            checked ? "translate-x-[17px] bg-bg" : "translate-x-0.5 bg-muted",
          )}
        />
      </button>
      <div>
        <label htmlFor={id} className="text-base text-text">
          {label}
        </label>
        {hint ? (
          <p id={`${id}-hint`} className="text-xs text-muted">
            {hint}
          </p>
        ) : null}
      </div>
    </div>
  );
}

/** The browser's own checkbox, with a larger target than what is drawn. */
export function Checkbox({
  label,
  checked,
  onChange,
  visibleLabel = false,
}: {
  label: string;
  checked: boolean | "indeterminate";
  onChange: (checked: boolean) => void;
  visibleLabel?: boolean;
}) {
  const id = useId();
  const mixed = checked === "indeterminate";
  const on = mixed || checked;
  return (
    <span className="inline-flex items-center gap-2 align-middle">
      <span className="relative inline-grid size-4.5 shrink-0 place-items-center">
        <input
          id={id}
          type="checkbox"
          aria-label={visibleLabel ? undefined : label}
          checked={checked === true}
          ref={(input) => {
            if (input) input.indeterminate = mixed;
          }}
          onChange={(event) => onChange(event.target.checked)}
          className={cx(
            "size-4.5 cursor-pointer appearance-none rounded-sm border after:absolute after:-inset-2.5",
            on ? "border-accent bg-accent" : "border-line-strong bg-field",
          )}
        />
        <span aria-hidden className="pointer-events-none absolute text-on-accent">
          {mixed ? <Minus size={13} /> : checked ? <Check size={13} /> : null}
        </span>
      </span>
      {visibleLabel ? <label htmlFor={id}>{label}</label> : null}
    </span>
  );
}
