// The head of every page: where one is, what it is, what can be done. Also sets the window's title and announces it.
import { ChevronLeft } from "lucide-react";
import { useEffect, type ReactNode } from "react";
import { Link } from "react-router";

export function Page({
  title,
  windowTitle,
  count,
  description,
  back,
  actions,
  children,
}: {
  title: ReactNode;
  windowTitle: string;
  count?: number | undefined;
  description?: ReactNode;
  back?: { to: string; label: string };
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${windowTitle} · Charon`;
  }, [windowTitle]);
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-5">
      <header className="flex min-h-9 flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {back ? (
            <Link
              to={back.to}
              className="mb-1 inline-flex items-center gap-1 text-sm text-muted hover:text-text max-sm:min-h-11"
            >
              <ChevronLeft aria-hidden size={15} />
              {back.label}
            </Link>
          ) : null}
          <h1 className="flex flex-wrap items-baseline gap-x-3 text-xl font-semibold wrap-anywhere">
            {title}
            {count === undefined ? null : <span className="text-lg font-normal text-muted">{count}</span>}
          </h1>
          {description ? <div className="mt-1 max-w-3xl text-muted">{description}</div> : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}
