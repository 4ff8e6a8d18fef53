// Every item of the hub: what is on, what could be, what is not as published.
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import type { AgentHub, HubItem } from "@/api/schema";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, Select } from "@/ui/field";
import { Empty } from "@/ui/notice";
import { useApply } from "./apply-dialog";
import { badgesOf, matches, SHOWN, type Filter } from "./values";

const FILTERS: Filter[] = ["on", "off", "differs", "all"];

export function Items({ hub }: { hub: AgentHub }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [filter, setFilter] = useState<Filter>("on");
  const found = useMemo(
    () => hub.items.filter((item) => matches(item, filter, text)),
    [hub.items, filter, text],
  );
  return (
    <Card flush>
      <div className="flex flex-wrap gap-4 border-b border-line p-4">
        <Field label={t("crowdsec.items.search")} className="min-w-0 flex-1 basis-56">
          {(wired) => (
            <Input {...wired} type="search" value={text} onChange={(event) => setText(event.target.value)} />
          )}
        </Field>
        <Field label={t("crowdsec.items.show")} className="basis-48">
          {(wired) => (
            <Select {...wired} value={filter} onChange={(event) => setFilter(event.target.value as Filter)}>
              {FILTERS.map((each) => (
                <option key={each} value={each}>
                  {t(`crowdsec.items.filter.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      {found.length === 0 ? (
        <Empty title={t("crowdsec.items.none")} />
      ) : (
        <>
          <p className="px-4 pt-3 text-sm text-muted">
            {t("crowdsec.items.found", { count: found.length, shown: Math.min(SHOWN, found.length) })}
          </p>
          <ul className="divide-y divide-line">
            {found.slice(0, SHOWN).map((item) => (
              <Row key={item.item} item={item} />
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

function Row({ item }: { item: HubItem }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin") && !item.local && !item.needed;
  const apply = useApply();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-mono text-sm wrap-anywhere">{item.name}</span>
          <Badge>{item.kind}</Badge>
          {badgesOf(item).map(({ word, tone }) => (
            <Badge key={word} tone={tone}>
              {t(`crowdsec.items.badge.${word}`)}
            </Badge>
          ))}
        </p>
        <p className="text-sm text-muted">
          {item.description}
          {item.version ? ` · ${t("crowdsec.items.version", { version: item.version })}` : null}
        </p>
      </div>
      {mayEdit && (item.upgrade || item.tainted) && item.installed ? (
        <Button size="sm" onClick={() => apply("upgrade", item.item)}>
          {t("crowdsec.do.upgrade")}
          <span className="sr-only">: {item.name}</span>
        </Button>
      ) : null}
      {mayEdit ? (
        <Button size="sm" onClick={() => apply(item.installed ? "remove" : "install", item.item)}>
          {t(item.installed ? "crowdsec.do.remove" : "crowdsec.do.install")}
          <span className="sr-only">: {item.name}</span>
        </Button>
      ) : null}
    </li>
  );
}
