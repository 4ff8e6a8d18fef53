// Scheme, host and port as one control; a pasted address falls into its three places.
import { useId, type ReactNode } from "react";
import { useFormState, useWatch, type UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { INPUT, cx } from "@/ui/classes";
import { FieldError } from "@/ui/field";
import type { HostValues } from "./schema";
import { isPortless, splitTarget } from "./values";
import { useFieldText } from "./field-text";

export type FormHandle = UseFormReturn<HostValues>;

export function TargetField({
  form,
  prefix,
  label,
  hint,
}: {
  form: FormHandle;
  prefix: "" | `locations.${number}.`;
  label: string;
  hint?: ReactNode;
}) {
  const { t } = useTranslation();
  const id = useId();
  const fieldText = useFieldText();
  const { errors } = useFormState({ control: form.control });
  const at = prefix === "" ? errors : errors.locations?.[Number(prefix.split(".")[1])];
  const hostError = fieldText(at?.forward_host?.message);
  const portError = fieldText(at?.forward_port?.message);
  const schemeError = fieldText(at?.forward_scheme?.message);
  const named = {
    scheme: `${prefix}forward_scheme`,
    host: `${prefix}forward_host`,
    port: `${prefix}forward_port`,
  } as { scheme: "forward_scheme"; host: "forward_host"; port: "forward_port" };
  const portless = isPortless(useWatch({ control: form.control, name: named.host }));
  const takeApart = (text: string): boolean => {
    const parts = splitTarget(text);
    if (!parts) return false;
    const options = { shouldDirty: true, shouldValidate: form.formState.isSubmitted };
    if (parts.scheme) form.setValue(named.scheme, parts.scheme, options);
    if (parts.port) form.setValue(named.port, parts.port, options);
    form.setValue(named.host, parts.host, options);
    return true;
  };
  return (
    <fieldset className="flex min-w-0 flex-col gap-1.5" aria-describedby={hint ? `${id}-hint` : undefined}>
      <legend className="mb-1.5 text-sm font-medium">{label}</legend>
      <div className="flex gap-2 max-sm:flex-wrap">
        <select
          aria-label={t("hosts.form.scheme")}
          {...form.register(named.scheme)}
          className={cx(INPUT, "w-28! shrink-0 max-sm:w-full!")}
        >
          <option value="http">{"http://"}</option>
          <option value="https">{"https://"}</option>
        </select>
        <input
          aria-label={t("hosts.form.hostField")}
          aria-invalid={hostError ? true : undefined}
          aria-describedby={hostError ? `${id}-host` : undefined}
          {...form.register(named.host, {
            onBlur: (event: { target: { value: string } }) => takeApart(event.target.value),
          })}
          onPaste={(event) => {
            const field = event.currentTarget;
            const whole = field.selectionStart === 0 && field.selectionEnd === field.value.length;
            if (whole && takeApart(event.clipboardData.getData("text"))) event.preventDefault();
          }}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          placeholder="192.168.1.10"
          className={cx(INPUT, "flex-1")}
        />
        {portless ? (
          <input
            aria-label={t("hosts.form.port")}
            value={t("hosts.form.noPort")}
            disabled
            className={cx(INPUT, "w-24! shrink-0 text-right opacity-60")}
          />
        ) : (
          <input
            aria-label={t("hosts.form.port")}
            aria-invalid={portError ? true : undefined}
            aria-describedby={portError ? `${id}-port` : undefined}
            {...form.register(named.port)}
            inputMode="numeric"
            autoComplete="off"
            placeholder="3000"
            className={cx(INPUT, "w-24! shrink-0 text-right")}
          />
        )}
      </div>
      {schemeError ? <FieldError message={schemeError} /> : null}
      {hostError ? <FieldError id={`${id}-host`} message={hostError} /> : null}
      {portError ? <FieldError id={`${id}-port`} message={portError} /> : null}
      {hint ? (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      ) : null}
    </fieldset>
  );
}
