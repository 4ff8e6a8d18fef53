// The lists inside the host form: paths with their own target, and header changes.
import { Plus, Trash2 } from "lucide-react";
import { useFieldArray, useFormState, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { Field, FieldError, Input, Select } from "@/ui/field";
import { IconButton } from "@/ui/icon-button";
import { Switch } from "@/ui/toggle";
import { TargetField, type FormHandle } from "./target-field";
import { useFieldText } from "./field-text";

export function LocationsEditor({ form }: { form: FormHandle }) {
  const { t } = useTranslation();
  const list = useFieldArray({ control: form.control, name: "locations" });
  const values = useWatch({ control: form.control, name: "locations" });
  const { errors } = useFormState({ control: form.control });
  const fieldText = useFieldText();
  return (
    <div className="flex flex-col gap-4">
      {list.fields.map((field, index) => (
        <div key={field.id} className="flex flex-col gap-3 rounded-md border border-line p-3">
          <div className="flex items-start gap-2">
            <Field
              label={t("hosts.form.path")}
              error={fieldText(errors.locations?.[index]?.path?.message)}
              className="flex-1"
            >
              {(wired) => (
                <Input
                  {...wired}
                  {...form.register(`locations.${index}.path`)}
                  placeholder="/api"
                  spellCheck={false}
                />
              )}
            </Field>
            <IconButton
              label={t("hosts.form.removeLocation", { path: values[index]?.path ?? "" })}
              onClick={() => list.remove(index)}
              className="mt-6.5"
            >
              <Trash2 aria-hidden size={16} />
            </IconButton>
          </div>
          <TargetField form={form} prefix={`locations.${index}.`} label={t("hosts.form.target")} />
          {values[index]?.forward_scheme === "https" ? (
            <Switch
              label={t("hosts.form.verifyUpstream")}
              checked={values[index].verify_upstream_tls}
              onChange={(checked) =>
                form.setValue(`locations.${index}.verify_upstream_tls`, checked, { shouldDirty: true })
              }
            />
          ) : null}
        </div>
      ))}
      <div>
        <Button
          icon={<Plus aria-hidden size={16} />}
          onClick={() =>
            list.append({
              path: "/",
              forward_scheme: "http",
              forward_host: "",
              forward_port: "",
              verify_upstream_tls: true,
            })
          }
        >
          {t("hosts.form.addLocation")}
        </Button>
      </div>
    </div>
  );
}

export function HeadersEditor({
  form,
  name,
  title,
}: {
  form: FormHandle;
  name: "request_headers" | "response_headers";
  title: string;
}) {
  const { t } = useTranslation();
  const list = useFieldArray({ control: form.control, name });
  const values = useWatch({ control: form.control, name });
  const { errors } = useFormState({ control: form.control });
  const fieldText = useFieldText();
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-2 text-sm font-medium">{title}</legend>
      {list.fields.map((field, index) => {
        const error = errors[name]?.[index];
        const text = fieldText(error?.name?.message ?? error?.value?.message ?? error?.action?.message);
        return (
          <div key={field.id} className="flex flex-col gap-1">
            <div className="flex flex-wrap gap-2">
              <Select
                aria-label={t("hosts.form.action")}
                {...form.register(`${name}.${index}.action`)}
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
                aria-invalid={error ? true : undefined}
                {...form.register(`${name}.${index}.name`)}
                placeholder="X-Frame-Options"
                spellCheck={false}
                className="flex-1 basis-36 max-sm:order-last max-sm:basis-full"
              />
              {values[index]?.action === "remove" ? null : (
                <Input
                  aria-label={t("hosts.form.value")}
                  {...form.register(`${name}.${index}.value`)}
                  spellCheck={false}
                  className="flex-1 basis-36 max-sm:order-last max-sm:basis-full"
                />
              )}
              <IconButton
                label={t("hosts.form.removeHeader", { name: values[index]?.name ?? "" })}
                onClick={() => list.remove(index)}
              >
                <Trash2 aria-hidden size={16} />
              </IconButton>
            </div>
            {text ? <FieldError message={text} /> : null}
          </div>
        );
      })}
      <div>
        <Button
          size="sm"
          icon={<Plus aria-hidden size={15} />}
          onClick={() => list.append({ action: "set", name: "", value: "" })}
        >
          {t("hosts.form.addHeader")}
        </Button>
      </div>
    </fieldset>
  );
}
