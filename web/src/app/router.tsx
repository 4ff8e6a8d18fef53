// Every address of the interface. Pages come as their own chunks.
import { createBrowserRouter, Navigate, useSearchParams, type RouteObject } from "react-router";
import type { ComponentType } from "react";
import type { Role } from "@/api/schema";
import { Broken, Needs, NotFound } from "./edges";
import { Gate } from "./gate";

type Module = { default: ComponentType };

function Moved() {
  const [old] = useSearchParams();
  const params = new URLSearchParams(old);
  const view = params.get("tab") ?? "presets";
  params.set("tab", view === "files" ? "configuration" : view === "console" ? "console" : "hub");
  if (view === "items" || view === "history") params.set("view", view);
  return <Navigate replace to={`/security/crowdsec?${params}`} />;
}

function page(path: string, load: () => Promise<Module>, needs?: Role): RouteObject {
  return {
    path,
    errorElement: <Broken />,
    HydrateFallback: () => null,
    lazy: async () => {
      const { default: Shown } = await load();
      return {
        Component: () =>
          needs ? (
            <Needs role={needs}>
              <Shown />
            </Needs>
          ) : (
            <Shown />
          ),
      };
    },
  };
}

export function makeRouter() {
  return createBrowserRouter([
    page("/setup", () => import("@/features/session/setup-page")),
    page("/login", () => import("@/features/session/login-page")),
    {
      path: "/",
      Component: Gate,
      errorElement: <Broken />,
      HydrateFallback: () => null,
      children: [
        {
          index: true,
          ...page("", () => import("@/features/overview/page")),
          path: undefined,
        } as RouteObject,
        page("proxy-hosts", () => import("@/features/proxy-hosts/page")),
        page("proxy-hosts/new", () => import("@/features/proxy-hosts/form"), "admin"),
        page("proxy-hosts/:uuid", () => import("@/features/proxy-hosts/host-page")),
        page("proxy-hosts/:uuid/edit", () => import("@/features/proxy-hosts/form"), "admin"),
        page("certificates", () => import("@/features/certificates/page")),
        page("certificates/new", () => import("@/features/certificates/form"), "admin"),
        page("certificates/automatic", () => import("@/features/certificates/wizard"), "admin"),
        page("certificates/:uuid", () => import("@/features/certificates/certificate-page")),
        page("certificates/:uuid/edit", () => import("@/features/certificates/form"), "admin"),
        page("security", () => import("@/features/security/page")),
        // Where it was before it became tabs of the page of CrowdSec.
        { path: "security/configuration", Component: Moved },
        page("security/crowdsec", () => import("@/features/security/crowdsec-page")),
        page("security/log", () => import("@/features/security/live-page"), "user"),
        page("log", () => import("@/features/access-log/page"), "user"),
        page("revisions", () => import("@/features/revisions/page")),
        page("revisions/:revision", () => import("@/features/revisions/revision-page")),
        page("settings", () => import("@/features/settings/page")),
        page("users", () => import("@/features/users/page"), "admin"),
        page("users/new", () => import("@/features/users/form"), "admin"),
        page("users/:uuid", () => import("@/features/users/form"), "admin"),
        page("account", () => import("@/features/account/page")),
        page("api-tokens", () => import("@/features/api-tokens/page")),
        page("audit", () => import("@/features/audit/page"), "admin"),
        page("system", () => import("@/features/system/page")),
        { path: "*", Component: NotFound },
      ],
    },
  ]);
}
