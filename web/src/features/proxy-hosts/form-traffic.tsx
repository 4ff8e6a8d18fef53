// What is done to requests and answers on their way: one folded part per feature, on a host and on a location.
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { TrafficRules } from "@/api/schema";
import { Notice } from "@/ui/notice";
import { Section, Sections } from "@/ui/section";
import type { Place } from "./place";
import { Compression, Cors, ErrorPages, SecurityHeaders } from "./traffic-answers";
import { Bodies, Maintenance, Redirects, RequestIds, Rewriting } from "./traffic-requests";
import { PARTS, PART_NAMES, describe, isSet, type PartName } from "./traffic-rules";

const FIELDS: Record<PartName, (props: { place: Place<TrafficRules> }) => ReactNode> = {
  maintenance: Maintenance,
  redirects: Redirects,
  rewrite: Rewriting,
  compression: Compression,
  security_headers: SecurityHeaders,
  cors: Cors,
  error_pages: ErrorPages,
  bodies: Bodies,
  request_id: RequestIds,
};

export function TrafficEditor({ place }: { place: Place<TrafficRules> }) {
  const { t } = useTranslation();
  const whole = place.error("");
  return (
    <>
      <p className="text-sm text-muted">
        {place.inherits ? t("hostTraffic.hintLocation") : t("hostTraffic.hint")}
      </p>
      {whole ? <Notice tone="failing">{whole}</Notice> : null}
      <Sections>
        {PART_NAMES.map((part) => {
          const Fields = FIELDS[part];
          const own = describe(t, part, place.value);
          const set = isSet(part, place.value);
          const usual = place.inherits && !set ? t("hostTraffic.modes.host") : t(`hostTraffic.usual.${part}`);
          return (
            <Section
              key={part}
              title={t(`hostTraffic.parts.${part}`)}
              summary={own ?? usual}
              set={own !== null}
              failed={PARTS[part].some((name) => place.errorIn(name) !== undefined)}
            >
              {() => <Fields place={place} />}
            </Section>
          );
        })}
      </Sections>
    </>
  );
}
