// Several words in one field: one a line, or separated by commas.
import { useState } from "react";
import { Field, Input, Textarea } from "@/ui/field";
import { splitList } from "./values";

export function ListField({
  label,
  hint,
  value,
  rows = 1,
  placeholder,
  error,
  onChange,
}: {
  label: string;
  hint?: string;
  value: readonly string[];
  /** More than one: one word a line. */
  rows?: number;
  placeholder?: string;
  error: string | undefined;
  onChange: (value: string[]) => void;
}) {
  const [text, setText] = useState(value.join(rows > 1 ? "\n" : ", "));
  return (
    <Field label={label} hint={hint} error={error} className="min-w-40 flex-1">
      {(wired) => {
        const shared = { ...wired, value: text, placeholder, spellCheck: false, className: "font-mono" };
        const typed = (next: string) => {
          setText(next);
          onChange(splitList(next));
        };
        return rows > 1 ? (
          <Textarea {...shared} rows={rows} onChange={(event) => typed(event.target.value)} />
        ) : (
          <Input {...shared} onChange={(event) => typed(event.target.value)} />
        );
      }}
    </Field>
  );
}
