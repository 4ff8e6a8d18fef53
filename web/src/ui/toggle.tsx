// Switch and checkbox, with the label as part of the target.
import { Check, Minus } from "lucide-react";
import { Checkbox as RadixCheckbox, Switch as RadixSwitch } from "radix-ui";
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
      <RadixSwitch.Root
        id={id}
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className={cx(
          "relative mt-0.5 h-5 w-9 shrink-0 rounded-full border border-line-strong bg-raised transition-colors",
          "data-[state=checked]:border-live data-[state=checked]:bg-live disabled:opacity-50",
        )}
      >
        <RadixSwitch.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-muted transition-transform data-[state=checked]:translate-x-[17px] data-[state=checked]:bg-bg" />
      </RadixSwitch.Root>
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
  return (
    <span className="inline-flex items-center gap-2">
      <RadixCheckbox.Root
        id={id}
        aria-label={visibleLabel ? undefined : label}
        checked={checked}
        onCheckedChange={(value) => onChange(value === true)}
        className="relative grid size-4.5 shrink-0 place-items-center rounded-sm border border-line-strong bg-bg after:absolute after:-inset-2.5 data-[state=checked]:border-accent data-[state=checked]:bg-accent data-[state=indeterminate]:border-accent"
      >
        <RadixCheckbox.Indicator className={checked === true ? "text-on-accent" : "text-accent-text"}>
          {checked === "indeterminate" ? <Minus aria-hidden size={13} /> : <Check aria-hidden size={13} />}
        </RadixCheckbox.Indicator>
      </RadixCheckbox.Root>
      {visibleLabel ? <label htmlFor={id}>{label}</label> : null}
    </span>
  );
}
