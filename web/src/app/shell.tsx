// The frame of every page: rail (or bottom bar), top bar, content.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import {
  Ellipsis,
  LogOut,
  Monitor,
  Moon,
  PanelLeftClose,
  PanelLeftOpen,
  Search,
  Sun,
  User,
} from "lucide-react";
import { lazy, Suspense, useContext, useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, useLocation } from "react-router";
import { api } from "@/api/client";
import { queries } from "@/api/queries";
import { atLeast, useMe } from "@/api/session";
import { LiveContext } from "@/live/hooks";
import { buttonClass } from "@/ui/button";
import { cx } from "@/ui/classes";
import { Hint, IconButton } from "@/ui/icon-button";
import { Menu, type MenuItem } from "@/ui/menu";
import { problemText } from "@/ui/problem-text";
import { useShownTheme, useThemeWish, wishTheme } from "@/ui/theme";
import { toast } from "@/ui/toast";
import { NAVIGATION, type NavItem } from "./navigation";
import { StateOfAll } from "./state-of-all";

const loadPalette = () => import("./palette");
const Palette = lazy(loadPalette);
const RAIL_KEY = "charon.rail";

function readRail(): boolean {
  try {
    return localStorage.getItem(RAIL_KEY) === "narrow";
  } catch {
    return false;
  }
}

export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg aria-hidden width={size} height={size} viewBox="0 0 32 32" className="shrink-0">
      <circle cx="16" cy="10.5" r="6" fill="var(--accent)" />
      <path d="M3 19.5h26l-3.6 6a2 2 0 0 1-1.7 1H8.3a2 2 0 0 1-1.7-1z" fill="var(--live)" />
    </svg>
  );
}

export function useSignOut(): () => void {
  const { t } = useTranslation();
  const client = useQueryClient();
  return () => {
    void api
      .POST("/api/v1/auth/logout")
      .then(() => {
        client.clear();
        window.location.assign("/login");
      })
      .catch((error: unknown) => toast("failing", problemText(t, error)));
  };
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const me = useMe();
  const location = useLocation();
  const [narrow, setNarrow] = useState(readRail);
  const [palette, setPalette] = useState(false);
  const settings = useQuery({ ...queries.settings(), staleTime: 300_000 });
  const name =
    typeof settings.data?.app_name === "string" && settings.data.app_name
      ? settings.data.app_name
      : t("shell.product");
  const items = NAVIGATION.filter((item) => atLeast(me?.role, item.needs));

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const live = useContext(LiveContext);
  useEffect(() => {
    // Ready before anyone asks for it, so that the first letters typed are not lost.
    const soon = window.setTimeout(() => void loadPalette(), 1_500);
    return () => window.clearTimeout(soon);
  }, []);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [location.pathname]);

  const toggleRail = () => {
    setNarrow(!narrow);
    try {
      localStorage.setItem(RAIL_KEY, narrow ? "wide" : "narrow");
    } catch {
      // The choice then holds until the page is left.
    }
  };

  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="sr-only rounded-md bg-accent px-4 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-60"
      >
        {t("shell.skip")}
      </a>
      <aside
        className={cx(
          "sticky top-0 flex h-dvh shrink-0 flex-col border-r border-line bg-surface max-md:hidden",
          narrow ? "w-16" : "w-56",
        )}
      >
        <div className={cx("flex h-14 items-center gap-3", narrow ? "justify-center" : "px-5")}>
          <Mark />
          {narrow ? null : <span className="text-lg font-semibold tracking-wide">{name}</span>}
        </div>
        <nav aria-label={t("nav.label")} className="flex flex-1 flex-col gap-0.5 overflow-y-auto px-3 py-2">
          {items.map((item, index) => (
            <div key={item.to} className="contents">
              {index > 0 && items[index - 1]?.group !== item.group ? (
                narrow ? (
                  <hr className="my-2 border-line" />
                ) : (
                  <p className="mt-4 mb-1 px-2.5 text-xs text-faint">{t("nav.administer")}</p>
                )
              ) : null}
              <RailLink item={item} narrow={narrow} />
            </div>
          ))}
        </nav>
        <div className={cx("border-t border-line p-2", narrow && "flex justify-center")}>
          <IconButton
            label={narrow ? t("nav.expand") : t("nav.collapse")}
            aria-expanded={!narrow}
            onClick={toggleRail}
          >
            {narrow ? <PanelLeftOpen aria-hidden size={18} /> : <PanelLeftClose aria-hidden size={18} />}
          </IconButton>
        </div>
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-bg px-4 sm:px-6">
          <span className="md:hidden">
            <Mark />
          </span>
          <div className="min-w-0 flex-1">
            <StateOfAll />
          </div>
          <button
            type="button"
            onClick={() => setPalette(true)}
            className="flex h-9 items-center gap-2 rounded-md border border-line-strong bg-surface px-3 text-sm text-muted hover:bg-hover max-lg:hidden"
          >
            <Search aria-hidden size={15} />
            <span className="mr-8">{t("shell.search")}</span>
            <kbd className="inline-flex items-center gap-0.5 font-mono text-xs text-faint">
              {t("shell.searchKey")}
            </kbd>
          </button>
          <IconButton label={t("shell.search")} onClick={() => setPalette(true)} className="lg:hidden">
            <Search aria-hidden size={18} />
          </IconButton>
          <span className="max-sm:hidden">
            <ThemeMenu />
          </span>
          <AccountMenu />
        </header>
        <main id="content" tabIndex={-1} className="flex-1 px-4 py-6 outline-none max-md:pb-24 sm:px-6">
          {children}
        </main>
      </div>
      <BottomBar items={items} />
      {palette ? (
        <Suspense>
          <Palette items={items} onClose={() => setPalette(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}

function RailLink({ item, narrow }: { item: NavItem; narrow: boolean }) {
  const { t } = useTranslation();
  const Icon = item.icon;
  const label = t(`nav.${item.key}`);
  const link = (
    <NavLink
      to={item.to}
      end={item.to === "/"}
      aria-label={narrow ? label : undefined}
      className={({ isActive }) =>
        cx(
          "flex h-9 items-center gap-3 rounded-md px-2.5 transition-colors",
          narrow && "justify-center",
          isActive ? "bg-hover font-medium text-text" : "text-muted hover:bg-raised hover:text-text",
        )
      }
    >
      {({ isActive }) => (
        <>
          <Icon aria-hidden size={18} className={cx("shrink-0", isActive && "text-accent-text")} />
          {narrow ? null : label}
        </>
      )}
    </NavLink>
  );
  return narrow ? <Hint text={label}>{link}</Hint> : link;
}

function BottomBar({ items }: { items: NavItem[] }) {
  const { t } = useTranslation();
  const location = useLocation();
  const front = items.filter((item) => item.group === "operate");
  const rest = items.filter((item) => item.group !== "operate");
  const inRest = rest.some((item) => location.pathname.startsWith(item.to));
  const cell = "flex h-16 min-w-0 flex-1 flex-col items-center justify-center gap-1 text-xs";
  return (
    <nav
      aria-label={t("nav.label")}
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {front.map((item) => {
        const Icon = item.icon;
        return (
          <NavLink
            key={item.to}
            to={item.to}
            end={item.to === "/"}
            className={({ isActive }) => cx(cell, isActive ? "text-accent-text" : "text-muted")}
          >
            <Icon aria-hidden size={20} />
            <span className="max-w-full truncate">{t(`nav.${item.key}`)}</span>
          </NavLink>
        );
      })}
      <Menu
        groups={[
          rest.map((item) => {
            const Icon = item.icon;
            return { label: t(`nav.${item.key}`), to: item.to, icon: <Icon aria-hidden size={17} /> };
          }),
        ]}
        trigger={
          <button type="button" className={cx(cell, inRest ? "text-accent-text" : "text-muted")}>
            <Ellipsis aria-hidden size={20} />
            {t("nav.more")}
          </button>
        }
      />
    </nav>
  );
}

function useThemeItems(): MenuItem[] {
  const { t } = useTranslation();
  const wish = useThemeWish();
  const choices = [
    ["system", t("shell.themeSystem"), Monitor],
    ["dark", t("shell.themeDark"), Moon],
    ["light", t("shell.themeLight"), Sun],
  ] as const;
  return choices.map(([value, label, Icon]) => ({
    label,
    icon: <Icon aria-hidden size={16} />,
    checked: wish === value,
    onSelect: () => wishTheme(value),
  }));
}

function ThemeMenu() {
  const { t } = useTranslation();
  const items = useThemeItems();
  const shown = useShownTheme();
  return (
    <Menu
      groups={[items]}
      trigger={
        <button type="button" aria-label={t("shell.theme")} className={buttonClass("quiet", "icon")}>
          {shown === "light" ? <Sun aria-hidden size={18} /> : <Moon aria-hidden size={18} />}
        </button>
      }
    />
  );
}

function AccountMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const signOut = useSignOut();
  // On a phone the theme has no button of its own.
  const themes = useThemeItems().map((item) => ({ ...item, phoneOnly: true }));
  const name = me?.name ?? "";
  return (
    <Menu
      head={
        <>
          <p className="font-medium">{name}</p>
          <p className="text-xs text-muted">{me?.email}</p>
          <p className="text-xs text-muted">{me ? t(`role.${me.role}`) : ""}</p>
        </>
      }
      groups={[
        [{ label: t("nav.account"), to: "/account", icon: <User aria-hidden size={16} /> }],
        themes,
        [{ label: t("shell.signOut"), icon: <LogOut aria-hidden size={16} />, onSelect: signOut }],
      ]}
      trigger={
        <button
          type="button"
          aria-label={t("shell.account")}
          className="grid size-9 shrink-0 place-items-center rounded-full bg-accent-soft text-sm font-semibold text-accent-text hover:brightness-110 max-sm:size-11"
        >
          {name.slice(0, 1).toUpperCase() || "?"}
        </button>
      }
    />
  );
}
