// Search over pages, hosts and actions, opened by Ctrl or Cmd and K.
import { useQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { Globe, LogOut, Moon, Plus, Sun, User } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { queries } from "@/api/queries";
import { useMay } from "@/api/session";
import { useShownTheme, wishTheme } from "@/ui/theme";
import type { NavItem } from "./navigation";
import { useSignOut } from "./shell";

const GROUP =
  "**:[[cmdk-group-heading]]:px-3 **:[[cmdk-group-heading]]:pt-3 **:[[cmdk-group-heading]]:pb-1 **:[[cmdk-group-heading]]:text-xs **:[[cmdk-group-heading]]:text-muted";

export default function Palette({ items, onClose }: { items: NavItem[]; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const hosts = useQuery(queries.hosts()).data ?? [];
  const mayEdit = useMay("admin");
  const mayMakeTokens = useMay("user");
  const theme = useShownTheme();
  const signOut = useSignOut();
  const go = (to: string) => () => {
    onClose();
    void navigate(to);
  };
  const act = (run: () => void) => () => {
    onClose();
    run();
  };
  return (
    <Command.Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      label={t("palette.title")}
      overlayClassName="fixed inset-0 z-40 bg-overlay"
      contentClassName="fixed top-[12vh] left-1/2 z-50 w-[min(36rem,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-surface shadow-pop"
    >
      <Command.Input
        placeholder={t("palette.placeholder")}
        className="h-13 w-full border-b border-line bg-transparent px-4 text-lg outline-none placeholder:text-faint"
      />
      <Command.List className="max-h-[50vh] overflow-y-auto p-2">
        <Command.Empty className="px-3 py-8 text-center text-muted">{t("palette.empty")}</Command.Empty>
        <Command.Group heading={t("palette.pages")} className={GROUP}>
          {items.map((item) => {
            const Icon = item.icon;
            return (
              <Item key={item.to} icon={<Icon aria-hidden size={16} />} onSelect={go(item.to)}>
                {t(`nav.${item.key}`)}
              </Item>
            );
          })}
          <Item icon={<User aria-hidden size={16} />} onSelect={go("/account")}>
            {t("nav.account")}
          </Item>
        </Command.Group>
        <Command.Group heading={t("palette.actions")} className={GROUP}>
          {mayEdit ? (
            <>
              <Item icon={<Plus aria-hidden size={16} />} onSelect={go("/proxy-hosts/new")}>
                {t("palette.addHost")}
              </Item>
              <Item icon={<Plus aria-hidden size={16} />} onSelect={go("/certificates/new")}>
                {t("palette.addCertificate")}
              </Item>
              <Item icon={<Plus aria-hidden size={16} />} onSelect={go("/users/new")}>
                {t("palette.addUser")}
              </Item>
            </>
          ) : null}
          {mayMakeTokens ? (
            <Item icon={<Plus aria-hidden size={16} />} onSelect={go("/api-tokens?create=open")}>
              {t("palette.addToken")}
            </Item>
          ) : null}
          <Item
            icon={theme === "light" ? <Moon aria-hidden size={16} /> : <Sun aria-hidden size={16} />}
            onSelect={act(() => wishTheme(theme === "light" ? "dark" : "light"))}
          >
            {t("shell.theme")}: {theme === "light" ? t("shell.themeDark") : t("shell.themeLight")}
          </Item>
          <Item icon={<LogOut aria-hidden size={16} />} onSelect={act(signOut)}>
            {t("shell.signOut")}
          </Item>
        </Command.Group>
        {hosts.length > 0 ? (
          <Command.Group heading={t("palette.hosts")} className={GROUP}>
            {hosts.map((host) => (
              <Item
                key={host.uuid}
                value={`${host.name} ${host.domain_names} ${host.uuid}`}
                icon={<Globe aria-hidden size={16} />}
                onSelect={go(`/proxy-hosts/${host.uuid}`)}
              >
                {host.name || host.domains[0]}
                <span className="ml-auto truncate pl-4 text-sm text-muted">{host.domains[0]}</span>
              </Item>
            ))}
          </Command.Group>
        ) : null}
      </Command.List>
    </Command.Dialog>
  );
}

function Item({
  icon,
  value,
  onSelect,
  children,
}: {
  icon: ReactNode;
  value?: string;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Command.Item
      {...(value ? { value } : {})}
      onSelect={onSelect}
      className="flex h-10 cursor-pointer items-center gap-3 rounded-md px-3 data-[selected=true]:bg-hover [&>svg]:shrink-0 [&>svg]:text-muted"
    >
      {icon}
      {children}
    </Command.Item>
  );
}
