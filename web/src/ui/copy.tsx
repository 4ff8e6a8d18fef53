// Text to copy, with a button that says whether it worked.
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "./icon-button";
import { cx } from "./classes";

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP browsers give no clipboard; the old way still works there.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    (document.querySelector("[role=dialog]") ?? document.body).append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way left without a secure context
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  const name = { idle: label ?? t("ui.copy"), done: t("ui.copied"), failed: t("ui.copyFailed") }[state];
  return (
    <>
      <IconButton
        label={name}
        onClick={() => {
          void copyText(text).then((done) => {
            setState(done ? "done" : "failed");
            setTimeout(() => setState("idle"), 2_000);
          });
        }}
      >
        {state === "done" ? (
          <Check aria-hidden size={16} className="text-live" />
        ) : (
          <Copy aria-hidden size={16} />
        )}
      </IconButton>
      <span role="status" className="sr-only">
        {state === "idle" ? "" : name}
      </span>
    </>
  );
}

export function Command({ text, className }: { text: string; className?: string }) {
  return (
    <div className={cx("flex items-center gap-1 rounded-md border border-line bg-bg pl-3", className)}>
      <code className="min-w-0 flex-1 py-1.5 font-mono text-sm wrap-anywhere">{text}</code>
      <CopyButton text={text} />
    </div>
  );
}
