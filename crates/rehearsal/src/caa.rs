//! Who may issue for a name (RFC 8659), and to which account and by which proof (RFC 8657).

/// The records that count for a name: those of the closest name above it that has any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caa {
    /// Where they stand; empty when there are none.
    pub name: String,
    /// All of them.
    pub records: Vec<CaaRecord>,
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaaRecord {
    /// Whoever does not know the tag must not issue.
    pub critical: bool,
    /// `issue`, `issuewild` and others, in lower case.
    pub tag: String,
    /// Its value.
    pub value: String,
}

/// What the records say of an authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It may issue.
    May,
    /// Others are named; who.
    Others(Vec<String>),
    /// Nobody may.
    Nobody,
    /// It may for another account; which.
    Account(String),
    /// It may by other ways of proof; which.
    Methods(String),
    /// A record is marked as critical that no authority needs to know.
    Critical(String),
}

impl Caa {
    /// Whether an authority with one of these names may issue, for a wildcard or not.
    pub(crate) fn judge(
        &self,
        identities: &[String],
        is_wildcard: bool,
        account: &str,
        method: &str,
    ) -> Verdict {
        let known = ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];
        if let Some(record) =
            self.records.iter().find(|one| one.critical && !known.contains(&one.tag.as_str()))
        {
            return Verdict::Critical(record.tag.clone());
        }
        let with = |tag: &str| self.records.iter().filter(|one| one.tag == tag).collect::<Vec<_>>();
        let wild = with("issuewild");
        let that_count = if is_wildcard && !wild.is_empty() { wild } else { with("issue") };
        if that_count.is_empty() {
            return Verdict::May;
        }
        let mut others = Vec::new();
        let mut kept = None;
        for record in that_count {
            let mut parts = record.value.split(';').map(str::trim);
            let issuer = parts.next().unwrap_or_default();
            if !identities.iter().any(|known| known.eq_ignore_ascii_case(issuer)) {
                if !issuer.is_empty() {
                    others.push(issuer.to_owned());
                }
                continue;
            }
            match bound(parts, account, method) {
                Verdict::May => return Verdict::May,
                other => kept = Some(other),
            }
        }
        match kept {
            Some(verdict) => verdict,
            None if others.is_empty() => Verdict::Nobody,
            None => Verdict::Others(others),
        }
    }
}

fn bound<'a>(parameters: impl Iterator<Item = &'a str>, account: &str, method: &str) -> Verdict {
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "accounturi" && value != account {
            return Verdict::Account(value.to_owned());
        }
        if name == "validationmethods" && !value.split(',').any(|known| known.trim() == method) {
            return Verdict::Methods(value.to_owned());
        }
    }
    Verdict::May
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(all: &[(&str, &str)]) -> Caa {
        let record = |(tag, value): &(&str, &str)| CaaRecord {
            critical: false,
            tag: (*tag).to_owned(),
            value: (*value).to_owned(),
        };
        Caa { name: "example.com".to_owned(), records: all.iter().map(record).collect() }
    }

    #[test]
    fn records_are_read_as_authorities_read_them() {
        let ours = ["letsencrypt.org".to_owned()];
        let judge =
            |all: &[(&str, &str)], wildcard| records(all).judge(&ours, wildcard, "https://ca/1", "http-01");
        let others = |name: &str| Verdict::Others(vec![name.to_owned()]);
        for (all, plain, wildcard) in [
            (&[][..], Verdict::May, Verdict::May),
            (&[("iodef", "mailto:a@b")], Verdict::May, Verdict::May),
            (&[("issue", "LetsEncrypt.org")], Verdict::May, Verdict::May),
            (&[("issue", "pki.goog")], others("pki.goog"), others("pki.goog")),
            (&[("issue", ";")], Verdict::Nobody, Verdict::Nobody),
            (&[("issue", "letsencrypt.org"), ("issuewild", ";")], Verdict::May, Verdict::Nobody),
            (&[("issuewild", "letsencrypt.org")], Verdict::May, Verdict::May),
            (&[("issue", "a.com"), ("issue", "letsencrypt.org")], Verdict::May, Verdict::May),
            (
                &[("issue", "letsencrypt.org; accounturi=https://ca/2")],
                Verdict::Account("https://ca/2".to_owned()),
                Verdict::Account("https://ca/2".to_owned()),
            ),
            (&[("issue", "letsencrypt.org;accounturi=https://ca/1")], Verdict::May, Verdict::May),
            (
                &[("issue", "letsencrypt.org; validationmethods=dns-01")],
                Verdict::Methods("dns-01".to_owned()),
                Verdict::Methods("dns-01".to_owned()),
            ),
            (&[("issue", "letsencrypt.org; validationmethods=dns-01,http-01")], Verdict::May, Verdict::May),
        ] {
            assert_eq!((judge(all, false), judge(all, true)), (plain, wildcard), "{all:?}");
        }
        let mut strange = records(&[("issue", "letsencrypt.org"), ("future", "x")]);
        strange.records[1].critical = true;
        assert_eq!(strange.judge(&ours, false, "", "http-01"), Verdict::Critical("future".to_owned()));
    }
}
