import { expect, test } from "vitest";
import type { Settings } from "@/api/schema";
import { fieldOfKey, settingsSchema, toValues, toWrite } from "./values";

const settings: Settings = {
  app_name: "Charon",
  "default_site.action": "redirect",
  "default_site.redirect_url": "https://a.example",
  trusted_proxies: ["10.0.0.0/8"],
  "tls.policy": "intermediate",
  "tls.unknown_name": "default_certificate",
  "ui.allowed_hosts": [],
  "log.retention_files": 5,
  "log.format": "json",
  "log.fields": [],
  "log.sample": 1,
  "metrics.open_to": [],
  "proxy.http_port": 0,
  "proxy.https_port": 0,
  "proxy.http3": false,
  "proxy.http3_early_data": false,
};

test("only what was changed is written", () => {
  const before = toValues(settings);
  expect(toWrite(before, before)).toEqual({});
  expect(toWrite({ ...before, trusted_proxies: "10.0.0.0/8\n192.0.2.1" }, before)).toEqual({
    trusted_proxies: ["10.0.0.0/8", "192.0.2.1"],
  });
});

test("an error of the server finds its field", () => {
  expect(fieldOfKey("default_site.redirect_url")).toBe("default_url");
  expect(fieldOfKey("trusted_proxies[1]")).toBe("trusted_proxies");
  expect(fieldOfKey("something.else")).toBe("something.else");
});

test("a redirect needs an address", () => {
  const result = settingsSchema.safeParse({ ...toValues(settings), default_url: "nowhere" });
  expect(result.error?.issues[0]?.path).toEqual(["default_url"]);
});
