// Where in the interface a finding of a rehearsal is mended; most are mended elsewhere, with who holds the zone or runs the router.
import type { AcmeCheck } from "@/api/schema";

type Fault = AcmeCheck["findings"][number]["fault"];
type Place = { to: string; name: "authority" | "addProvider" | "providers" };

const AUTHORITY: Place = { to: "/certificates#authority", name: "authority" };
const PROVIDERS: Place = { to: "/certificates#dns-providers", name: "providers" };

const PLACES: Partial<Record<Fault, Place>> = {
  "terms-not-agreed": AUTHORITY,
  "no-external-account": AUTHORITY,
  "authority-unreachable": AUTHORITY,
  "authority-not-trusted": AUTHORITY,
  "no-dns-provider": { to: "/certificates?dns=new", name: "addProvider" },
  "dns-credentials-refused": PROVIDERS,
  "dns-zone-elsewhere": PROVIDERS,
  "dns-provider-unreachable": PROVIDERS,
  "dns-provider-fails": PROVIDERS,
  "dns-not-shown": PROVIDERS,
};

export function placeOf(fault: Fault): Place | undefined {
  return PLACES[fault];
}
