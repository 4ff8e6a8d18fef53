//! Checks a request body against the schema that the OpenAPI document shows, so that the document cannot promise
//! what the server does not hold. All faults are named at once, in words for people.

use base::FieldError;
use serde_json::Value;

/// A single line of text: no control characters.
pub(crate) const LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";
/// A single line that is not blank.
pub(crate) const NAME: &str =
    r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]*$";
/// Text with line breaks, but without other control characters.
pub(crate) const TEXT: &str = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$";

/// Patterns by the names that handlers use for them. They are for readers of the document; what holds them are
/// the types that a handler reads the text into.
pub(crate) const NAMED: &[(&str, &str)] = &[
    (
        "EMAIL",
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    ),
    (
        "DOMAINS",
        r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*(,(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*)*$",
    ),
    (
        "UPSTREAM",
        r"^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*|::1|([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3})$",
    ),
    (
        "PATH",
        r"^/([A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_~!$&'()*+,;=:@.-]*(/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_~!$&'()*+,;=:@.-]*)*/?)?$",
    ),
    (
        "NETWORK",
        r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}(/(3[0-2]|[12]?[0-9]))?|([0-9a-f]{1,4}:){1,4}(:|(:[0-9a-f]{1,4}){1,3})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$",
    ),
    (
        "DOMAIN",
        r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$",
    ),
    (
        "FORWARD_HOST",
        r"^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*|::1|([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){1,4}(:[0-9A-Fa-f]{1,4}){1,3}|unix:/[!-~]+|srv:[A-Za-z0-9_.-]+)$",
    ),
    ("ADDRESS", r"^([A-Za-z0-9_.:\[\]-]+:[0-9]{1,5}|unix:/[!-~]+|srv:[A-Za-z0-9_.-]+)$"),
    ("NAME_OR_WILDCARD", r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$"),
    ("NAME_OF_HOST", r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$"),
    ("STATUSES", r"^[0-9][0-9 ,-]*$"),
    ("STATUSES_OR_NONE", r"^[0-9 ,-]*$"),
    ("PATH_QUERY", r"^/[!-~]*$"),
    ("RULE_PATH", r"^/[^\u0000-\u001F\u007F-\u009F]*$"),
    ("ORIGIN", r"^(\*|https?://[!-~]+)$"),
    ("CONTENT_TYPE", r"^[!-~]+/[!-~]+$"),
    ("HEADER_NAME_OR_NONE", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"),
    ("HEADER_NAME", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    ("HEADER_VALUE", r"^[ -~]*$"),
    (
        "URL",
        r"^(https?://[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?)?$",
    ),
    (
        "LAPI_URL",
        r"^https?://[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_~-]+)*/?$",
    ),
    ("TAG", TAG),
    ("AGENT_PATH", r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$"),
    ("HEX_OR_NONE", r"^[0-9a-f]*$"),
    ("BASE64", r"^[A-Za-z0-9+/]+={0,2}$"),
    ("CONSOLE_KEY", r"^[A-Za-z0-9][A-Za-z0-9 =_.-]*$"),
    ("HUB_ITEM", r"^(([a-z-]{1,20}:)?[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?)?$"),
];

/// A label: no comma, no control character, no space at its ends.
const TAG: &str =
    r"^[^\s,\u0000-\u001F\u007F-\u009F]([^,\u0000-\u001F\u007F-\u009F]*[^\s,\u0000-\u001F\u007F-\u009F])?$";

/// Checks `value` against the component `name` of the OpenAPI document.
pub(crate) fn check(document: &Value, name: &str, value: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let schema = &document["components"]["schemas"][name];
    Check { document, errors: &mut errors }.value(schema, value, "");
    errors
}

struct Check<'a> {
    document: &'a Value,
    errors: &'a mut Vec<FieldError>,
}

impl Check<'_> {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(path, message));
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return self.value(&self.document["components"]["schemas"][name], value, path);
        }
        if let Some(options) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.one_of(options, value, path);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(part, value, path);
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
            return self.fault(path, format!("must be {}, not {}", words(&kinds), kind_of(value)));
        }
        if let Some(options) = schema["enum"].as_array()
            && !options.contains(value)
        {
            let names: Vec<String> = options.iter().map(plain).collect();
            return self.fault(path, format!("must be one of: {}", names.join(", ")));
        }
        match value {
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(f64::NAN), path),
            Value::Array(items) => self.items(schema, items, path),
            Value::Object(fields) => self.fields(schema, fields, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn one_of(&mut self, options: &[Value], value: &Value, path: &str) {
        match variant(options, value) {
            Some(Ok(option)) => return self.value(option, value, path),
            Some(Err((field, message))) => {
                let place = if field.is_empty() { path.to_owned() } else { join(path, field) };
                return self.fault(&place, message);
            }
            None => {}
        }
        let before = self.errors.len();
        let mut first = None;
        for option in options.iter().filter(|option| value.is_null() || option["type"] != "null") {
            self.value(option, value, path);
            let found = self.errors.split_off(before);
            if found.is_empty() {
                return;
            }
            first.get_or_insert(found);
        }
        match first {
            Some(found) => self.errors.extend(found),
            None => self.fault(path, "must not be null"),
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let length = text.chars().count() as u64;
        match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
            (Some(1), _) if length == 0 => return self.fault(path, "must not be empty"),
            (Some(least), _) if length < least => {
                return self.fault(path, format!("must have at least {least} characters"));
            }
            (_, Some(most)) if length > most => {
                return self.fault(path, format!("must have at most {most} characters"));
            }
            _ => {}
        }
        let odd = |char: char| char.is_control();
        match schema["pattern"].as_str() {
            Some(LINE) if text.contains(odd) => {
                self.fault(path, "must be one line without control characters")
            }
            Some(NAME) if text.contains(odd) => {
                self.fault(path, "must be one line without control characters")
            }
            Some(NAME) if text.trim().is_empty() => self.fault(path, "must not be blank"),
            Some(TEXT) if text.contains(|char: char| odd(char) && !"\t\n\r".contains(char)) => {
                self.fault(path, "must be plain text without control characters");
            }
            Some(TAG) if text.trim() != text || text.contains(',') || text.contains(odd) => {
                self.fault(path, "must have no comma, no control characters and no space at its ends");
            }
            // Other patterns are held by the types that the handler reads the text into.
            _ if text.contains('\0') => self.fault(path, "must not hold a NUL character"),
            _ => {}
        }
    }

    fn number(&mut self, schema: &Value, number: f64, path: &str) {
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        let outside = least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most);
        match (outside, least, most) {
            (true, Some(least), Some(most)) => {
                self.fault(path, format!("write a number from {least} to {most}"));
            }
            (true, Some(least), None) => self.fault(path, format!("write a number of {least} or more")),
            (true, _, Some(most)) => self.fault(path, format!("write a number of {most} or less")),
            _ => {}
        }
    }

    fn items(&mut self, schema: &Value, items: &[Value], path: &str) {
        let count = items.len() as u64;
        if schema["minItems"].as_u64().is_some_and(|least| count < least) {
            self.fault(path, "must not be empty");
        }
        if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
            return self.fault(path, format!("must have at most {most} entries"));
        }
        if schema["uniqueItems"] == true
            && items.iter().enumerate().any(|(at, item)| items[..at].contains(item))
        {
            self.fault(path, "must not name the same entry twice");
        }
        for (at, item) in items.iter().enumerate() {
            self.value(&schema["items"], item, &join(path, &at.to_string()));
        }
    }

    fn fields(&mut self, schema: &Value, fields: &serde_json::Map<String, Value>, path: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.fault(&join(path, name), "is missing");
            }
        }
        for (name, value) in fields {
            let path = join(path, name);
            let known = &schema["properties"][name];
            if !known.is_null() {
                self.value(known, value, &path);
            } else if schema["additionalProperties"] == false {
                self.fault(&crate::meta::safe(&path, 200), "there is no such field here; remove it");
            }
        }
        if schema["minProperties"].as_u64().is_some_and(|least| (fields.len() as u64) < least) {
            self.fault(path, "name at least one field to change");
        }
    }
}

/// Of several forms of an object, the one that is meant: by a field that names it (`action`), or by the one field
/// that each form has. `None` when the forms are not told apart so; an error names the field.
fn variant<'a>(options: &'a [Value], value: &Value) -> Option<Result<&'a Value, (&'a str, String)>> {
    let fields = value.as_object()?;
    let forms: Vec<_> = options.iter().map(|form| form["properties"].as_object()).collect::<Option<_>>()?;
    if forms.len() < 2 {
        return None;
    }
    let name_of = |form: &'a serde_json::Map<String, Value>, field: &str| match form.get(field)?["enum"]
        .as_array()?
        .as_slice()
    {
        [Value::String(name)] => Some(name.as_str()),
        _ => None,
    };
    let tag = forms[0].keys().find(|field| forms.iter().all(|form| name_of(form, field).is_some()));
    if let Some(tag) = tag {
        let names: Vec<&str> = forms.iter().filter_map(|form| name_of(form, tag)).collect();
        let found = match fields.get(tag) {
            None => Err((tag.as_str(), "is missing".to_owned())),
            Some(given) => names
                .iter()
                .position(|name| given == name)
                .ok_or_else(|| (tag.as_str(), format!("must be one of: {}", names.join(", ")))),
        };
        return Some(found.map(|at| &options[at]));
    }
    if forms.iter().any(|form| form.len() != 1) {
        return None;
    }
    let names: Vec<&str> = forms.iter().flat_map(|form| form.keys()).map(String::as_str).collect();
    let given = names.iter().position(|name| fields.contains_key(*name));
    Some(given.map(|at| &options[at]).ok_or_else(|| ("", format!("must have one of: {}", names.join(", ")))))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn words(kinds: &[&str]) -> String {
    let words: Vec<&str> = kinds
        .iter()
        .map(|kind| match *kind {
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "text",
            "array" => "a list",
            "object" => "an object",
            other => other,
        })
        .collect();
    words.join(" or ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fault_is_named_with_its_path_and_a_remedy() {
        let document = json!({"components": {"schemas": {
            "Part": {"type": "object", "required": ["path"], "additionalProperties": false, "properties": {
                "path": {"type": "string", "maxLength": 5},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535}}},
            "Whole": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
                "name": {"type": "string", "minLength": 1, "pattern": NAME},
                "mode": {"type": ["string", "null"], "enum": ["a", "b", null]},
                "main": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Part"}]},
                "parts": {"type": "array", "maxItems": 3, "items": {"$ref": "#/components/schemas/Part"}}}}
        }}});
        let faults = |value: Value| {
            let errors = check(&document, "Whole", &value);
            errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>()
        };
        assert!(faults(json!({"name": "x", "mode": null, "main": null, "parts": []})).is_empty());
        assert!(faults(json!({"name": "x", "mode": "a", "main": {"path": "/"}})).is_empty());
        assert_eq!(
            faults(
                json!({"mode": "c", "main": {}, "extra": 1, "parts": [{"path": "/123456"}, {"port": 0}, 7]})
            ),
            [
                "name: is missing",
                "extra: there is no such field here; remove it",
                "main.path: is missing",
                "mode: must be one of: a, b, null",
                "parts.0.path: must have at most 5 characters",
                "parts.1.path: is missing",
                "parts.1.port: write a number from 1 to 65535",
                "parts.2: must be an object, not a number",
            ]
        );
        assert_eq!(faults(json!({"name": "a\nb"})), ["name: must be one line without control characters"]);
        assert_eq!(faults(json!({"name": "  "})), ["name: must not be blank"]);
        assert_eq!(faults(json!([])), [": must be an object, not a list"]);
    }
}
