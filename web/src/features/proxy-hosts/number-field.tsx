// A number with a unit. What is no number is kept as typed and refused by the form's schema.
import { useState } from "react";
import { Field, Input } from "@/ui/field";

export function NumberField({
  label,
  hint,
  value,
  factor = 1,
  placeholder,
  error,
  onChange,
}: {
  label: string;
  hint?: string;
  value: number | null | undefined;
  /** How many of the API's units one of the shown units is. */
  factor?: number;
  placeholder?: string;
  error: string | undefined;
  /** Null when it is empty, NaN when it is no number. */
  onChange: (value: number | null) => void;
}) {
  const [text, setText] = useState(value === null || value === undefined ? "" : String(value / factor));
  return (
    <Field label={label} hint={hint} error={error} className="min-w-32 flex-1">
      {(wired) => (
        <Input
          {...wired}
          value={text}
          inputMode="decimal"
          placeholder={placeholder}
          onChange={(event) => {
            const typed = event.target.value;
            setText(typed);
            const number = Number(typed.trim()) * factor;
            const whole = Math.abs(number - Math.round(number)) < 1e-6 && number >= 0;
            onChange(typed.trim() === "" ? null : whole ? Math.round(number) : Number.NaN);
          }}
        />
      )}
    </Field>
  );
}
