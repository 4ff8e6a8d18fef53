// Adding and editing a user.
import { zodResolver } from "@hookform/resolvers/zod";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm, useFormState, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import type { User } from "@/api/schema";
import { Card } from "@/ui/card";
import { Field, Input, Select } from "@/ui/field";
import { FormPage, useSave } from "@/ui/form-page";
import { LoadFailed } from "@/ui/notice";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Switch } from "@/ui/toggle";
import { editSchema, newSchema, type UserValues } from "./schema";

export default function UserFormPage() {
  const { uuid } = useParams();
  const user = useQuery({ ...queries.user(uuid ?? ""), enabled: uuid !== undefined });
  if (user.error) return <LoadFailed error={user.error} retry={() => void user.refetch()} />;
  if (uuid && !user.data) return <SkeletonRows rows={5} />;
  return <UserForm existing={user.data} />;
}

function UserForm({ existing }: { existing: User | undefined }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useForm<UserValues>({
    resolver: zodResolver(existing ? editSchema : newSchema),
    defaultValues: {
      name: existing?.name ?? "",
      email: existing?.email ?? "",
      role: existing?.role ?? "viewer",
      enabled: existing?.enabled ?? true,
      password: "",
    },
  });
  const saving = useSave({
    form,
    save: ({ name, email, role, enabled, password }) =>
      existing
        ? body(
            api.PUT("/api/v1/users/{uuid}", {
              params: { path: { uuid: existing.uuid } },
              body: { name, email, role, enabled },
            }),
          )
        : body(api.POST("/api/v1/users", { body: { name, email, role, password } })),
    onSaved: (saved) => {
      void client.invalidateQueries({ queryKey: ["users"] });
      toast("live", t(existing ? "users.form.saved" : "users.form.created", { name: saved.name }));
      void navigate("/users");
    },
  });
  const { errors } = useFormState({ control: form.control });
  const enabled = useWatch({ control: form.control, name: "enabled" });
  const text = (message: string | undefined) =>
    message?.startsWith("users.") ? t(message as "users.form.needName") : message;
  return (
    <FormPage
      title={existing ? t("users.form.edit", { name: existing.name }) : t("users.form.new")}
      back={{ to: "/users", label: t("users.title") }}
      form={form}
      saving={saving}
      saveLabel={existing ? t("users.form.save") : t("users.form.create")}
      onCancel={() => void navigate("/users")}
    >
      <Card>
        <div className="flex flex-col gap-4">
          <Field label={t("users.form.name")} error={text(errors.name?.message)}>
            {(wired) => (
              <Input {...wired} {...form.register("name")} autoComplete="off" autoFocus={!existing} />
            )}
          </Field>
          <Field label={t("users.form.email")} error={text(errors.email?.message)}>
            {(wired) => <Input {...wired} {...form.register("email")} type="email" autoComplete="off" />}
          </Field>
          <Field label={t("users.form.role")} error={text(errors.role?.message)}>
            {(wired) => (
              <Select {...wired} {...form.register("role")}>
                {(["viewer", "user", "admin"] as const).map((role) => (
                  <option key={role} value={role}>
                    {t(`users.form.roles.${role}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {existing ? (
            <Switch
              label={t("users.form.enabled")}
              hint={t("users.form.enabledHint")}
              checked={enabled}
              onChange={(checked) => form.setValue("enabled", checked, { shouldDirty: true })}
            />
          ) : (
            <Field
              label={t("users.form.password")}
              hint={t("users.form.passwordHint")}
              error={text(errors.password?.message)}
            >
              {(wired) => (
                <Input
                  {...wired}
                  {...form.register("password")}
                  type="password"
                  autoComplete="new-password"
                />
              )}
            </Field>
          )}
        </div>
      </Card>
    </FormPage>
  );
}
