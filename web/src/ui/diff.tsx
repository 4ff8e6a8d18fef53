// What changed: each field with its value before and after.
import { useTranslation } from "react-i18next";

export interface Change {
  field: string;
  before: unknown;
  after: unknown;
}

function show(value: unknown): string {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ");
  return JSON.stringify(value, null, 2);
}

/** The fields in which two records differ. */
export function changesBetween(
  before: Record<string, unknown> | null | undefined,
  after: Record<string, unknown> | null | undefined,
): Change[] {
  const fields = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...fields]
    .map((field) => ({ field, before: before?.[field], after: after?.[field] }))
    .filter((change) => JSON.stringify(change.before ?? null) !== JSON.stringify(change.after ?? null));
}

export function DiffList({ changes }: { changes: Change[] }) {
  const { t } = useTranslation();
  // A field that is empty on both sides tells nothing, nor does the empty side of a field that came or went.
  const told = changes
    .map((change) => ({ field: change.field, before: show(change.before), after: show(change.after) }))
    .filter((change) => change.before !== change.after);
  if (told.length === 0) return <p className="text-muted">{t("ui.noDifference")}</p>;
  return (
    <dl className="flex flex-col gap-2">
      {told.map((change) => (
        <div key={change.field} className="overflow-hidden rounded-md border border-line">
          <dt className="border-b border-line bg-raised px-3 py-1 font-mono text-xs text-muted">
            {change.field}
          </dt>
          <dd className="grid font-mono text-sm">
            {change.before ? (
              <Line sign="−" name={t("ui.before")} text={change.before} className="bg-failing-soft" />
            ) : null}
            {change.after ? (
              <Line sign="+" name={t("ui.after")} text={change.after} className="bg-live-soft" />
            ) : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Line({
  sign,
  name,
  text,
  className,
}: {
  sign: string;
  name: string;
  text: string;
  className: string;
}) {
  return (
    <div className={`flex gap-2 px-3 py-1 ${className}`}>
      <span className="sr-only">{name}</span>
      <span aria-hidden className="text-muted select-none">
        {sign}
      </span>
      <span className="min-w-0 whitespace-pre-wrap wrap-anywhere">{text}</span>
    </div>
  );
}
