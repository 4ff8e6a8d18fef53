// A folded part of a group: a row with its name and what it holds, which opens to its fields.
import { ChevronRight } from "lucide-react";
import { useId, useState, type ReactNode } from "react";
import { cx } from "./classes";

/** Several parts under one another. */
export function Sections({ children }: { children: ReactNode }) {
  return <div className="divide-y divide-line rounded-md border border-line">{children}</div>;
}

/** One part. Its fields are made when it is opened first, and when one of them has an error. */
export function Section({
  title,
  summary,
  set = false,
  failed = false,
  children,
}: {
  title: string;
  summary: string;
  /** Something in it differs from what is usual. */
  set?: boolean;
  failed?: boolean;
  children: () => ReactNode;
}) {
  const [opened, setOpened] = useState(false);
  const [made, setMade] = useState(false);
  const open = opened || failed;
  const id = useId();
  return (
    <div>
      <h3>
        <button
          type="button"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => {
            setOpened(!open);
            setMade(true);
          }}
          className="flex min-h-11 w-full items-center gap-2.5 px-3 py-2 text-left hover:bg-raised"
        >
          <ChevronRight
            aria-hidden
            size={15}
            className={cx("shrink-0 text-muted transition-transform", open && "rotate-90")}
          />
          <span className="w-40 shrink-0 text-sm font-medium max-sm:w-28">{title}</span>
          <span
            className={cx(
              "min-w-0 truncate text-sm",
              failed ? "text-failing" : set ? "text-text" : "text-muted",
            )}
          >
            {summary}
          </span>
        </button>
      </h3>
      <div id={id} hidden={!open} className="flex flex-col gap-4 border-t border-line p-3 sm:p-4">
        {open || made ? children() : null}
      </div>
    </div>
  );
}
