import { describe, expect, test } from "vitest";
import type { Host } from "@/api/schema";
import { hostSchema } from "./schema";
import { EMPTY, splitTarget, toValues, toWrite } from "./values";

const host = {
  uuid: "u",
  name: "Shop",
  domain_names: "shop.example.com,www.example.com",
  domains: ["shop.example.com", "www.example.com"],
  forward_scheme: "https",
  forward_host: "10.0.0.5",
  forward_port: 8443,
  verify_upstream_tls: false,
  ssl_forced: true,
  http2_support: true,
  hsts_enabled: true,
  hsts_subdomains: false,
  hsts_max_age: 600,
  enabled: false,
  certificate_uuid: null,
  tags: ["home", "media"],
  locations: [
    {
      uuid: "l",
      path: "/api",
      forward_scheme: "http",
      forward_host: "api",
      forward_port: 90,
      verify_upstream_tls: true,
    },
  ],
  request_headers: [{ action: "set", name: "X-A", value: "1" }],
  response_headers: [],
} as unknown as Host;

describe("the host form", () => {
  test("writes back what it was given, so that saving without a change changes nothing", () => {
    const written = toWrite(toValues(host));
    for (const key of [
      "name",
      "domain_names",
      "forward_host",
      "forward_port",
      "hsts_max_age",
      "enabled",
      "tags",
    ] as const)
      expect(written[key]).toEqual(host[key]);
    expect(written.certificate_uuid).toBeNull();
    expect(written.locations).toEqual([
      {
        path: "/api",
        forward_scheme: "http",
        forward_host: "api",
        forward_port: 90,
        verify_upstream_tls: true,
      },
    ]);
  });

  test("takes a pasted address apart", () => {
    expect(splitTarget("http://192.168.1.10:3000/x")).toEqual({
      scheme: "http",
      host: "192.168.1.10",
      port: "3000",
    });
    expect(splitTarget("https://nas.lan")).toEqual({ scheme: "https", host: "nas.lan", port: "443" });
    expect(splitTarget("[fd00::1]:8080")).toEqual({ host: "[fd00::1]", port: "8080" });
    expect(splitTarget("nas.lan")).toBeNull();
    expect(splitTarget("fd00::1")).toBeNull();
  });

  test("refuses a time of HSTS that is no number instead of taking another one for it", () => {
    const filled = { ...toValues(host), hsts_max_age: "a year" };
    expect(hostSchema.safeParse(filled).error?.issues.map((issue) => issue.path.join("."))).toEqual([
      "hsts_max_age",
    ]);
    expect(hostSchema.safeParse({ ...filled, hsts_enabled: false }).success).toBe(true);
    expect(toWrite({ ...filled, hsts_max_age: "0" }).hsts_max_age).toBe(0);
  });

  test("names what is missing on the field where it is missing", () => {
    const result = hostSchema.safeParse({ ...EMPTY, forward_port: "70000" });
    const fields = result.error?.issues.map((issue) => issue.path.join("."));
    expect(fields).toEqual(["domain_names", "forward_host", "forward_port"]);
  });
});
