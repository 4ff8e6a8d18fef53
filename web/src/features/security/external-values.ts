// What is entered about the LAPI of another machine, and what is sent of it: what is left empty stays as it is stored.
import type { External, ExternalInput } from "@/api/schema";

export interface ExternalEntry {
  url: string;
  by: "key" | "certificate";
  key: string;
  certificate: string;
  privateKey: string;
  authorities: string;
  dropAuthorities: boolean;
  machine: string;
  password: string;
}

export function entryOf(stored: External): ExternalEntry {
  return {
    url: stored.url,
    by: stored.certificate ? "certificate" : "key",
    key: "",
    certificate: "",
    privateKey: "",
    authorities: "",
    dropAuthorities: false,
    machine: stored.machine,
    password: "",
  };
}

export function inputOf(entry: ExternalEntry): ExternalInput {
  const byKey = entry.by === "key";
  const kept = (text: string) => text.trim() || null;
  return {
    url: entry.url.trim(),
    api_key: byKey ? kept(entry.key) : "",
    certificate: byKey ? "" : kept(entry.certificate),
    private_key: byKey ? "" : kept(entry.privateKey),
    authorities: kept(entry.authorities) ?? (entry.dropAuthorities ? "" : null),
    machine: entry.machine.trim(),
    password: entry.machine.trim() === "" ? "" : kept(entry.password),
  };
}
