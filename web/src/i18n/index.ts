// Every text of the interface stands in a catalogue, one file per feature. To add a language, add a folder
// beside `en` with the same files and list it here.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import account from "./en/account.json";
import audit from "./en/audit.json";
import captcha from "./en/captcha.json";
import certificates from "./en/certificates.json";
import crowdsec from "./en/crowdsec.json";
import dnsCredentials from "./en/dns-credentials.json";
import hostServers from "./en/host-servers.json";
import hostTls from "./en/host-tls.json";
import hostTraffic from "./en/host-traffic.json";
import hosts from "./en/hosts.json";
import log from "./en/log.json";
import overview from "./en/overview.json";
import revisions from "./en/revisions.json";
import security from "./en/security.json";
import session from "./en/session.json";
import settings from "./en/settings.json";
import shell from "./en/shell.json";
import system from "./en/system.json";
import tokens from "./en/tokens.json";
import users from "./en/users.json";

export const en = {
  ...shell,
  account,
  audit,
  captcha,
  certificates,
  dnsCredentials,
  hostServers,
  hostTls,
  hostTraffic,
  hosts,
  log,
  overview,
  revisions,
  crowdsec,
  security,
  session,
  settings,
  system,
  tokens,
  users,
};

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

export const ready = i18next.use(initReactI18next).init({
  lng: "en",
  resources: { en: { translation: en } },
  interpolation: { escapeValue: false },
});
