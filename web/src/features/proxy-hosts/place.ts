// A part of a host's form that stands on the host and on each of its locations: its value, and the errors in it.
import { get, useFormState, useWatch, type FieldPath } from "react-hook-form";
import type { HeaderEdit, HostTls, TrafficRules, Upstream } from "@/api/schema";
import type { HostValues } from "./schema";
import type { FormHandle } from "./target-field";
import { useFieldText } from "./field-text";

/** Where a part stands: at the host, or at one of its locations. */
export type Prefix = "" | `locations.${number}.`;

export interface Place<T> {
  value: T;
  /** Replaces the fields that are given. */
  change: (part: Partial<T>) => void;
  /** Replaces the whole. */
  replace: (value: T) => void;
  /** The error of exactly this field. */
  error: (path: string) => string | undefined;
  /** The first error of this field or of anything in it, with its number where it is one of a list. */
  errorIn: (path: string) => string | undefined;
  /** What is not set is taken from the host. */
  inherits: boolean;
}

interface Parts {
  upstream: Upstream;
  traffic: TrafficRules;
  tls: HostTls;
  request_headers: HeaderEdit[] | null;
  response_headers: HeaderEdit[] | null;
}

function message(found: unknown): string | undefined {
  const text = typeof found === "object" && found !== null && "message" in found ? found.message : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** The first message in a tree of errors, and which entry of a list it is about. */
function first(found: unknown, at: number | null = null): { text: string; at: number | null } | undefined {
  const own = message(found);
  if (own) return { text: own, at };
  if (typeof found !== "object" || found === null) return undefined;
  for (const [key, each] of Object.entries(found)) {
    if (key === "ref") continue;
    const inner = first(each, /^\d+$/.test(key) ? Number(key) + 1 : at);
    if (inner) return inner;
  }
  return undefined;
}

export function usePlace<K extends keyof Parts>(form: FormHandle, prefix: Prefix, name: K): Place<Parts[K]> {
  const fieldText = useFieldText();
  const { errors } = useFormState({ control: form.control });
  const path = `${prefix}${name}` as FieldPath<HostValues>;
  const value = useWatch({ control: form.control, name: path }) as Parts[K];
  const at = (inner: string): unknown => get(errors, inner === "" ? path : `${path}.${inner}`);
  const set = (next: unknown) => form.setValue(path, next as never, { shouldDirty: true });
  const replace = (next: Parts[K]) => {
    form.clearErrors(path);
    set(next);
  };
  return {
    value,
    inherits: prefix !== "",
    replace,
    change: (part) => {
      for (const key of Object.keys(part)) form.clearErrors(`${path}.${key}` as FieldPath<HostValues>);
      if (message(at(""))) form.clearErrors(path);
      set({ ...(value as object), ...part });
    },
    error: (inner) => fieldText(message(at(inner))),
    errorIn: (inner) => {
      const found = first(at(inner));
      const text = fieldText(found?.text);
      return text && found?.at ? `${found.at}: ${text}` : text;
    },
  };
}
