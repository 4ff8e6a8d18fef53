// The frame of the pages before the sign-in.
import type { ReactNode } from "react";

export function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-md">
        <div className="mb-6 flex items-center gap-3">
          <svg aria-hidden width="34" height="34" viewBox="0 0 32 32">
            <circle cx="16" cy="10.5" r="6" fill="var(--accent)" />
            <path d="M3 19.5h26l-3.6 6a2 2 0 0 1-1.7 1H8.3a2 2 0 0 1-1.7-1z" fill="var(--live)" />
          </svg>
          <h1 className="text-xl font-semibold">{title}</h1>
        </div>
        {children}
      </div>
    </main>
  );
}
