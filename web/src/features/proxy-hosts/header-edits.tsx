// Edits of headers, in their order. A location has its own or those of its host.
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { HeaderEdit } from "@/api/schema";
import { Button } from "@/ui/button";
import { FieldError, Input, Select } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Switch } from "@/ui/toggle";
import type { Place } from "./place";

export function HeadersEditor({
  place,
  title,
  hint,
}: {
  place: Place<HeaderEdit[] | null>;
  title: string;
  hint: string;
}) {
  const { t } = useTranslation();
  const { value, inherits } = place;
  const [kept, setKept] = useState(value ?? []);
  const write = (next: HeaderEdit[]) => {
    setKept(next);
    place.replace(next);
  };
  const change = (at: number, part: Partial<HeaderEdit>) =>
    write((value ?? []).map((each, index) => (index === at ? { ...each, ...part } : each)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{title}</legend>
      <p className="text-xs text-muted">{hint}</p>
      {inherits ? (
        <Switch
          label={t("hostServers.ownHeaders")}
          checked={value !== null}
          onChange={(on) => (on ? write(kept) : place.replace(null))}
        />
      ) : null}
      {(value ?? []).map((edit, at) => {
        const [name, text] = [place.error(`${at}.name`), place.error(`${at}.value`)];
        const message = name ?? text ?? place.error(`${at}.action`);
        return (
          <div key={at} className="flex flex-col gap-1">
            <div className="flex flex-wrap gap-2">
              <Select
                aria-label={t("hosts.form.action")}
                value={edit.action}
                onChange={(event) => change(at, { action: event.target.value as HeaderEdit["action"] })}
                className="w-32! shrink-0 max-sm:w-auto! max-sm:flex-1"
              >
                {(["set", "add", "remove"] as const).map((action) => (
                  <option key={action} value={action}>
                    {t(`hosts.form.actions.${action}`)}
                  </option>
                ))}
              </Select>
              <Input
                aria-label={t("hosts.form.headerName")}
                aria-invalid={name ? true : undefined}
                value={edit.name}
                onChange={(event) => change(at, { name: event.target.value })}
                placeholder="X-Robots-Tag"
                spellCheck={false}
                className="flex-1 basis-36 max-sm:order-last max-sm:basis-full"
              />
              {edit.action === "remove" ? null : (
                <Input
                  aria-label={t("hosts.form.value")}
                  aria-invalid={text ? true : undefined}
                  value={edit.value}
                  onChange={(event) => change(at, { value: event.target.value })}
                  spellCheck={false}
                  className="flex-1 basis-36 max-sm:order-last max-sm:basis-full"
                />
              )}
              <IconButton
                label={t("hosts.form.removeHeader", { name: edit.name })}
                onClick={() => write((value ?? []).filter((_, index) => index !== at))}
              >
                <Trash2 aria-hidden size={16} />
              </IconButton>
            </div>
            {message ? <FieldError message={message} /> : null}
          </div>
        );
      })}
      {value === null ? null : (
        <div>
          <Button
            size="sm"
            icon={<Plus aria-hidden size={15} />}
            onClick={() => write([...value, { action: "set", name: "", value: "" }])}
          >
            {t("hosts.form.addHeader")}
          </Button>
        </div>
      )}
    </fieldset>
  );
}
