// The text of a field's error: a key of the catalogue from the form's own checks, a sentence from the server.
import { useTranslation } from "react-i18next";

export function useFieldText(): (message: string | undefined) => string | undefined {
  const { t } = useTranslation();
  return (message) =>
    message?.startsWith("hosts.form.") || message?.startsWith("hostTls.")
      ? t(message as "hosts.form.badPort")
      : message;
}
