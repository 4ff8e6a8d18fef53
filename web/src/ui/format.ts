// Numbers and times as people read them.
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function count(value: number): string {
  return number.format(value);
}

export function rate(value: number): string {
  return value < 10 ? oneDigit.format(value) : number.format(value);
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let left = value;
  let unit = 0;
  while (left >= 1000 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${left < 10 && unit > 0 ? oneDigit.format(left) : number.format(left)} ${units[unit] ?? ""}`;
}

export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value >= 10_000) return `${oneDigit.format(value / 1000)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value < 10 ? oneDigit.format(value) : number.format(value)} ms`;
}

export function clockTime(time: string | number): string {
  return clock.format(new Date(time));
}

export function clockMillis(time: string): string {
  const date = new Date(time);
  return `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function date(time: string): string {
  return day.format(new Date(time));
}

export function dateTime(time: string): string {
  return `${date(time)}, ${clockTime(time)}`;
}

// Each unit, the seconds it has, and the seconds from which on it is used: three months are told in days, since
// "in 2 months" for 89 days would be wrong by one.
const STEPS = [
  ["year", 31_536_000, 63_072_000],
  ["month", 2_629_746, 7_948_800],
  ["day", 86_400, 86_400],
  ["hour", 3_600, 3_600],
  ["minute", 60, 60],
] as const;

/** "3 minutes ago", "in 12 days"; below a minute in seconds. */
export function ago(time: string, now: number): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  for (const [unit, size, from] of STEPS) {
    if (Math.abs(seconds) >= from) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 5
    ? relative.format(0, "second")
    : relative.format(Math.trunc(seconds), "second");
}

/** How long something has lasted: "3 minutes", "12 days". */
export function elapsed(time: string, now: number): string {
  const seconds = Math.max((now - new Date(time).getTime()) / 1000, 0);
  const [unit, size] = STEPS.find(([, , from]) => seconds >= from) ?? (["second", 1] as const);
  return new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" }).format(
    Math.trunc(seconds / size),
  );
}

/** With a capital letter, unless the first word is the name of a host or an address, which stays as it is written. */
export function capital(text: string): string {
  const first = text.split(/[\s:,]/, 1)[0] ?? "";
  return /^[a-z]+$/.test(first) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** A message of the server as it stands in the interface: with a capital letter and a full stop. */
export function sentence(text: string): string {
  return text === "" || /[.!?…]$/.test(text) ? capital(text) : `${capital(text)}.`;
}

/** A span of time in its largest unit: "45 s", "5 min", "3 h". */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
