// Whether a traffic feature is on. On a host it is a switch; on a location it is also possible to do as the host
// does. What was typed comes back when it is switched on again.
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { TrafficRules } from "@/api/schema";
import { Field, Select } from "@/ui/field";
import { Switch } from "@/ui/toggle";
import type { Place } from "./place";

type Set<K extends keyof TrafficRules> = NonNullable<TrafficRules[K]>;

/** The three things that a feature of a location can be. */
export type ModeName = "host" | "off" | "own";

export interface Rule<K extends keyof TrafficRules> {
  name: K;
  /** What it holds when it is switched on for the first time. */
  fresh: Set<K>;
  isOn: (value: Set<K>) => boolean;
  /** The form that switches it off; what else it holds may stay. */
  off: (value: Set<K>) => Set<K>;
  /** The way back from `off`. */
  on: (value: Set<K>) => Set<K>;
}

export function modeOf<K extends keyof TrafficRules>(rule: Rule<K>, value: TrafficRules[K]): ModeName {
  if (value === null) return "host";
  return rule.isOn(value) ? "own" : "off";
}

export function Mode<K extends keyof TrafficRules>({
  place,
  rule,
  label,
  hint,
  children,
}: {
  place: Place<TrafficRules>;
  rule: Rule<K>;
  label: string;
  hint?: string;
  children: (value: Set<K>, write: (value: Set<K>) => void) => ReactNode;
}) {
  const { t } = useTranslation();
  const value = place.value[rule.name];
  const mode = modeOf(rule, value);
  const [kept, setKept] = useState<TrafficRules[K]>(value);
  const write = (next: TrafficRules[K]) => place.change({ [rule.name]: next });
  const choose = (next: ModeName) => {
    if (mode === "own") setKept(value);
    const known = (mode === "own" ? value : kept) ?? null;
    const base = value ?? known ?? rule.fresh;
    if (next === "own") write(known && rule.isOn(known) ? known : rule.on(base));
    else write(next === "off" ? rule.off(base) : null);
  };
  const untouched = (from: unknown) => JSON.stringify(from) === JSON.stringify(rule.fresh);
  return (
    <>
      {place.inherits ? (
        <Field label={label} hint={hint}>
          {(wired) => (
            <Select
              {...wired}
              value={mode}
              onChange={(event) => choose(event.target.value as ModeName)}
              className="max-w-72"
            >
              {(["host", "off", "own"] as const).map((each) => (
                <option key={each} value={each}>
                  {t(`hostTraffic.modes.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ) : (
        <Switch
          label={label}
          hint={hint}
          checked={mode === "own"}
          onChange={(on) => choose(on ? "own" : untouched(value) ? "host" : "off")}
        />
      )}
      {mode === "own" && value !== null ? children(value, (next) => write(next)) : null}
    </>
  );
}
