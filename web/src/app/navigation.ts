// The pages, in the order of the rail. A page that is not built is not listed.
import {
  Activity,
  FileClock,
  Gauge,
  Globe,
  History,
  KeyRound,
  Server,
  Settings,
  Shield,
  ShieldCheck,
  Users,
  type LucideIcon,
} from "lucide-react";
import type { Role } from "@/api/schema";

export interface NavItem {
  to: string;
  key:
    | "overview"
    | "hosts"
    | "certificates"
    | "security"
    | "log"
    | "revisions"
    | "settings"
    | "users"
    | "tokens"
    | "audit"
    | "system";
  icon: LucideIcon;
  needs: Role;
  group: "operate" | "administer";
}

export const NAVIGATION: NavItem[] = [
  { to: "/", key: "overview", icon: Gauge, needs: "viewer", group: "operate" },
  { to: "/proxy-hosts", key: "hosts", icon: Globe, needs: "viewer", group: "operate" },
  { to: "/certificates", key: "certificates", icon: ShieldCheck, needs: "viewer", group: "operate" },
  { to: "/security", key: "security", icon: Shield, needs: "viewer", group: "operate" },
  { to: "/log", key: "log", icon: Activity, needs: "user", group: "operate" },
  { to: "/revisions", key: "revisions", icon: History, needs: "viewer", group: "administer" },
  { to: "/settings", key: "settings", icon: Settings, needs: "viewer", group: "administer" },
  { to: "/users", key: "users", icon: Users, needs: "admin", group: "administer" },
  { to: "/api-tokens", key: "tokens", icon: KeyRound, needs: "viewer", group: "administer" },
  { to: "/audit", key: "audit", icon: FileClock, needs: "admin", group: "administer" },
  { to: "/system", key: "system", icon: Server, needs: "viewer", group: "administer" },
];
