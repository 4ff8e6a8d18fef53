import { describe, expect, test } from "vitest";
import type { Host } from "@/api/schema";
import { hostSchema } from "./schema";
import {
  EMPTY,
  NO_TRAFFIC_RULES,
  ONE_SERVER,
  USUAL_TLS,
  splitTarget,
  targetText,
  toValues,
  toWrite,
} from "./values";

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
      upstream: { ...ONE_SERVER, balance: "ip_hash" },
      traffic: { ...NO_TRAFFIC_RULES, max_body: 0 },
      request_headers: [],
    },
  ],
  upstream: { ...ONE_SERVER, weight: 3 },
  traffic: { ...NO_TRAFFIC_RULES, max_body: 5_000_000 },
  tls: { ...USUAL_TLS, policy: "modern" },
  request_headers: [{ action: "set", name: "X-A", value: "1" }],
  response_headers: [],
} as unknown as Host;

describe("the host form", () => {
  test("writes back what it was given, so that saving without a change changes nothing", () => {
    const written = toWrite(toValues(host), toValues(host));
    expect("upstream" in written || "traffic" in written || "tls" in written).toBe(false);
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
        upstream: { ...ONE_SERVER, balance: "ip_hash" },
        traffic: { ...NO_TRAFFIC_RULES, max_body: 0 },
        request_headers: [],
        response_headers: null,
      },
    ]);
  });

  test("gives a copy every setting of servers and traffic", () => {
    const copy = toWrite(toValues(host), EMPTY);
    expect(copy.upstream).toEqual(host.upstream);
    expect(copy.traffic).toEqual(host.traffic);
  });

  test("names a number that is none where it was typed", () => {
    const upstream = { ...ONE_SERVER, limits: { ...ONE_SERVER.limits, queue: Number.NaN } };
    const result = hostSchema.safeParse({ ...toValues(host), upstream });
    expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual(["upstream.limits.queue"]);
  });

  test("takes targets without a port and no port 0 for others", () => {
    const socket = { ...toValues(host), forward_host: "unix:/run/app.sock", forward_port: "0" };
    expect(hostSchema.safeParse(socket).success).toBe(true);
    expect(hostSchema.safeParse({ ...socket, forward_host: "nas.lan" }).success).toBe(false);
    expect(targetText({ ...socket, forward_scheme: "http" })).toBe("http://unix:/run/app.sock");
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
    expect(toWrite({ ...filled, hsts_max_age: "0" }, EMPTY).hsts_max_age).toBe(0);
  });

  test("names what is missing on the field where it is missing", () => {
    const result = hostSchema.safeParse({ ...EMPTY, forward_port: "70000" });
    const fields = result.error?.issues.map((issue) => issue.path.join("."));
    expect(fields).toEqual(["domain_names", "forward_host", "forward_port"]);
  });

  test("client certificates need their authority, and preload goes when HSTS is switched off", () => {
    const values = toValues(host);
    const asked = { ...values.tls, client_certificates: { required: true, ca_pem: " " } };
    const result = hostSchema.safeParse({ ...values, tls: asked });
    expect(result.error?.issues[0]?.path).toEqual(["tls", "client_certificates", "ca_pem"]);
    const preload = { ...values, tls: { ...values.tls, hsts_preload: true } };
    expect(toWrite(preload, values).tls).toEqual(preload.tls);
    expect("tls" in toWrite({ ...preload, hsts_enabled: false }, values)).toBe(false);
  });
});
