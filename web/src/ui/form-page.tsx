// The skeleton of every form: fields, the server's field errors placed on them, a footer that stays,
// and a question before typed text is left behind.
import { ChevronRight } from "lucide-react";
import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import type { FieldValues, Path, UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { useBlocker } from "react-router";
import { ApiProblem, type FieldError } from "@/api/problem";
import { Button } from "./button";
import { Card } from "./card";
import { cx } from "./classes";
import { Confirm } from "./confirm";
import { Notice } from "./notice";
import { Page } from "./page";
import { problemText } from "./problem-text";

/** Puts the server's errors on the form's fields; returns those that have no field here. */
export function placeErrors<T extends FieldValues>(
  form: UseFormReturn<T>,
  errors: FieldError[],
  fieldOf: (field: string) => string = (field) => field,
): FieldError[] {
  const values = form.getValues() as Record<string, unknown>;
  const left: FieldError[] = [];
  let focused = false;
  for (const error of errors) {
    // Both `locations[0].path` and `locations.0.path` are understood.
    const path = fieldOf(error.field).replace(/\[(\d+)\]/g, ".$1");
    const top = path.split(".")[0] ?? "";
    if (!(top in values)) {
      left.push(error);
      continue;
    }
    form.setError(path as Path<T>, { type: "server", message: error.message }, { shouldFocus: !focused });
    focused = true;
  }
  return left;
}

export interface Saving {
  busy: boolean;
  error: unknown;
  unplaced: FieldError[];
  /** How often it was refused, by the form or by the server. */
  refused: number;
  submit: () => void;
}

export function useSave<T extends FieldValues, R>({
  form,
  save,
  onSaved,
  fieldOf,
}: {
  form: UseFormReturn<T>;
  save: (values: T) => Promise<R>;
  onSaved: (result: R) => void;
  fieldOf?: (field: string) => string;
}): Saving {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [unplaced, setUnplaced] = useState<FieldError[]>([]);
  const [refused, setRefused] = useState(0);
  const submit = () => {
    void form.handleSubmit(
      async (values) => {
        setBusy(true);
        setError(null);
        setUnplaced([]);
        try {
          const result = await save(values);
          form.reset(form.getValues());
          onSaved(result);
        } catch (problem) {
          setError(problem);
          if (problem instanceof ApiProblem) setUnplaced(placeErrors(form, problem.errors, fieldOf));
          setRefused((times) => times + 1);
        } finally {
          setBusy(false);
        }
      },
      () => {
        setError(null);
        setUnplaced([]);
        setRefused((times) => times + 1);
      },
    )();
  };
  return { busy, error, unplaced, refused, submit };
}

/** Frames that a folded group may take to open and show its fields. */
const FRAMES = 30;

/** Leads to the first field with an error, and returns the server's errors that no field shows. */
function useFaultyField(form: React.RefObject<HTMLFormElement | null>, saving: Saving): FieldError[] {
  const [unseen, setUnseen] = useState<FieldError[]>([]);
  const { refused, error } = saving;
  useEffect(() => {
    if (refused === 0) return;
    let [handle, frames] = [0, 0];
    const look = () => {
      const fields = [...(form.current?.querySelectorAll<HTMLElement>('[aria-invalid="true"]') ?? [])];
      const field = fields.find((each) => each.offsetParent !== null);
      if (!field && ++frames < FRAMES) {
        handle = requestAnimationFrame(look);
        return;
      }
      field?.focus();
      field?.scrollIntoView({ block: "center" });
      const said = [...(form.current?.querySelectorAll("[role=alert]") ?? [])].map((each) =>
        each.textContent.toLowerCase(),
      );
      const errors = error instanceof ApiProblem ? error.errors : [];
      setUnseen(
        errors.filter(
          (each) => !said.some((text) => text.includes(each.message.replace(/\.$/, "").toLowerCase())),
        ),
      );
    };
    handle = requestAnimationFrame(look);
    return () => cancelAnimationFrame(handle);
  }, [form, refused, error]);
  return unseen;
}

export function SaveProblem({ saving }: { saving: Saving }) {
  const { t } = useTranslation();
  if (!saving.error) return null;
  // What stands at its field is not said a second time under the path that the API has for it.
  const { error, unplaced } = saving;
  const marked = error instanceof ApiProblem && error.errors.length > unplaced.length;
  return (
    <Notice tone="failing" title={t("ui.notSaved")}>
      <p>{marked ? t("ui.correctMarked") : problemText(t, saving.error)}</p>
      {saving.unplaced.map((each) => (
        <p key={each.field}>
          {each.field}: {each.message}
        </p>
      ))}
    </Notice>
  );
}

export function FormPage<T extends FieldValues>({
  title,
  description,
  back,
  form,
  saving,
  saveLabel,
  children,
  footer,
  onCancel,
}: {
  title: string;
  description?: ReactNode;
  back?: { to: string; label: string };
  form: UseFormReturn<T>;
  saving: Saving;
  saveLabel: string;
  children: ReactNode;
  /** Further actions in the footer, before Save. */
  footer?: ReactNode;
  onCancel?: () => void;
}) {
  const { t } = useTranslation();
  const element = useRef<HTMLFormElement>(null);
  const unseen = useFaultyField(element, saving);
  const dirty = form.formState.isDirty && !form.formState.isSubmitSuccessful;
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      form.formState.isDirty && !saving.busy && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [dirty]);

  return (
    <Page title={title} windowTitle={title} description={description} {...(back ? { back } : {})}>
      <form
        ref={element}
        noValidate
        aria-label={title}
        onSubmit={(event) => {
          event.preventDefault();
          if (!saving.busy) saving.submit();
        }}
        onKeyDown={(event) => {
          if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && !saving.busy) saving.submit();
        }}
        className="flex max-w-3xl flex-col gap-4"
      >
        {children}
        <SaveProblem
          saving={{
            ...saving,
            unplaced: saving.error
              ? [...saving.unplaced, ...unseen.filter((each) => !saving.unplaced.includes(each))]
              : [],
          }}
        />
        <div className="sticky bottom-0 z-10 -mx-1 flex flex-wrap items-center justify-end gap-2 border-t border-line bg-bg px-1 py-3 max-md:bottom-16">
          {footer}
          <span className="flex-1" />
          {onCancel ? <Button onClick={onCancel}>{t("ui.cancel")}</Button> : null}
          <Button type="submit" look="primary" busy={saving.busy} className="min-w-24">
            {saving.busy ? t("ui.saving") : saveLabel}
          </Button>
        </div>
      </form>
      <Confirm
        open={blocker.state === "blocked"}
        title={t("ui.leaveTitle")}
        action={t("ui.leave")}
        busy={false}
        onConfirm={() => blocker.proceed?.()}
        onClose={() => blocker.reset?.()}
      >
        {t("ui.leaveText")}
      </Confirm>
    </Page>
  );
}

/** A folded group that tells its content in one line while closed, and opens when a field in it has an error. */
export function Fold({
  title,
  summary,
  failed,
  children,
}: {
  title: string;
  summary: string;
  failed: boolean;
  children: ReactNode;
}) {
  const [opened, setOpened] = useState(false);
  const open = opened || failed;
  const id = useId();
  return (
    <Card flush>
      <h2>
        <button
          type="button"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpened(!open)}
          className="flex min-h-13 w-full items-center gap-3 rounded-lg px-4 py-3 text-left hover:bg-raised"
        >
          <ChevronRight
            aria-hidden
            size={17}
            className={cx("shrink-0 text-muted transition-transform", open && "rotate-90")}
          />
          <span className="w-28 shrink-0 font-medium max-sm:w-20">{title}</span>
          <span className={cx("min-w-0 truncate text-sm", failed ? "text-failing" : "text-muted")}>
            {summary}
          </span>
        </button>
      </h2>
      <div id={id} hidden={!open} className="flex flex-col gap-4 border-t border-line p-4">
        {children}
      </div>
    </Card>
  );
}
