// Words for the audit's machine names.

/** "proxy_host.create" becomes "proxy host: create". */
export function actionText(action: string): string {
  const [what = "", ...rest] = action.replaceAll("_", " ").split(".");
  return rest.length > 0 ? `${what}: ${rest.join(" ")}` : what;
}
