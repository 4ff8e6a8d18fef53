import { expect, test } from "vitest";
import { entryOf, inputOf } from "./external-values";

const stored = {
  url: "https://a.lan:8080",
  api_key_set: true,
  certificate: null,
  authorities: [],
  machine: "charon",
  password_set: true,
};

test("what is left empty stays as it is stored", () => {
  expect(inputOf(entryOf(stored))).toEqual({
    url: "https://a.lan:8080",
    api_key: null,
    certificate: "",
    private_key: "",
    authorities: null,
    machine: "charon",
    password: null,
  });
});

test("the other way to be known, and what is emptied on purpose, is taken away", () => {
  const entry = { ...entryOf(stored), by: "certificate" as const, certificate: " pem ", machine: " " };
  expect(inputOf({ ...entry, dropAuthorities: true })).toMatchObject({
    api_key: "",
    certificate: "pem",
    private_key: null,
    authorities: "",
    machine: "",
    password: "",
  });
});
