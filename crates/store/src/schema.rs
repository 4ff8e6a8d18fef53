//! The definition of the schema, read from the entities: what each table, column and index must be.

use sea_orm::sea_query::{ColumnType, Expr, ForeignKeyAction, Value};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, IdenStatic, Identity, Iterable, PrimaryKeyToColumn, PrimaryKeyTrait,
    RelationTrait, Schema,
};

/// What a column holds. SQLite and PostgreSQL each have one type for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Integer,
    Boolean,
    Text,
}

/// One column of the definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// The default as an SQL literal.
    pub(crate) default: Option<String>,
}

/// One index of the definition, on one column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) column: String,
    pub(crate) unique: bool,
}

/// One foreign key of the definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) column: String,
    pub(crate) table: String,
    pub(crate) to: String,
    pub(crate) on_delete: &'static str,
}

/// One table of the definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) primary_key: Vec<String>,
    /// The database numbers new rows.
    pub(crate) numbered: bool,
    pub(crate) indexes: Vec<Index>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

macro_rules! tables {
    ($($name:ident)*) => {
        /// Every table, in an order in which each one stands after those that it points at.
        pub(crate) fn tables() -> Vec<Table> {
            vec![$(describe(crate::$name::Entity)),*]
        }
    };
}

tables! {
    schema_migrations counters migration_reports set_aside_rows
    users sessions api_tokens settings
    ssl_certificates access_lists proxy_hosts locations user_permitted_hosts
    domains remote_servers import_sessions caddy_configs revision_parts
    notifications notification_providers notification_templates
    uptime_hosts uptime_monitors uptime_heartbeats uptime_notification_events
    security_configs security_decisions security_audits security_rule_sets
    crowdsec_preset_events crowdsec_console_enrollments
    acme_accounts acme_orders dns_credentials dns_records certificate_checks
}

fn describe<E: EntityTrait>(entity: E) -> Table {
    let name = entity.table_name().to_owned();
    let columns = E::Column::iter().map(|column| {
        let definition = column.def();
        Column {
            name: column.as_str().to_owned(),
            kind: match definition.get_column_type() {
                ColumnType::Boolean => Kind::Boolean,
                ColumnType::BigInteger | ColumnType::Integer => Kind::Integer,
                _ => Kind::Text,
            },
            nullable: definition.is_null(),
            default: definition.get_column_default().and_then(literal),
        }
    });
    let unique = E::Column::iter()
        .filter(|column| column.def().is_unique())
        .map(|column| (column.as_str().to_owned(), true));
    let plain =
        Schema::new(DbBackend::Sqlite).create_index_from_entity(entity).into_iter().flat_map(|index| {
            index
                .get_index_spec()
                .get_column_names()
                .into_iter()
                .map(|column| (column, false))
                .collect::<Vec<_>>()
        });
    let indexes = unique
        .chain(plain)
        .map(|(column, unique)| Index { name: format!("idx_{name}_{column}"), column, unique })
        .collect();
    let foreign_keys = E::Relation::iter()
        .map(|relation| relation.def())
        .filter(|relation| !relation.is_owner)
        .map(|relation| ForeignKey {
            column: identity(&relation.from_col),
            table: relation.to_tbl.sea_orm_table().to_string(),
            to: identity(&relation.to_col),
            on_delete: match relation.on_delete {
                Some(ForeignKeyAction::Cascade) => "CASCADE",
                Some(ForeignKeyAction::SetNull) => "SET NULL",
                _ => "RESTRICT",
            },
        })
        .collect();
    Table {
        columns: columns.collect(),
        primary_key: E::PrimaryKey::iter().map(|key| key.into_column().as_str().to_owned()).collect(),
        numbered: E::PrimaryKey::auto_increment(),
        indexes,
        foreign_keys,
        name,
    }
}

/// The name of a one-column key.
fn identity(key: &Identity) -> String {
    key.iter().map(|column| column.to_string()).collect()
}

fn literal(default: &Expr) -> Option<String> {
    match default {
        Expr::Value(Value::Bool(Some(flag))) => Some(flag.to_string()),
        Expr::Value(Value::Int(Some(number))) => Some(number.to_string()),
        Expr::Value(Value::BigInt(Some(number))) => Some(number.to_string()),
        Expr::Value(Value::String(Some(text))) => Some(format!("'{}'", text.replace('\'', "''"))),
        _ => None,
    }
}

impl Table {
    /// The statement that makes this table.
    pub(crate) fn create(&self, backend: DbBackend) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(|column| self.column(column, backend)).collect();
        if !self.numbered {
            let keys: Vec<String> = self.primary_key.iter().map(|key| format!("\"{key}\"")).collect();
            parts.push(format!("PRIMARY KEY ({})", keys.join(", ")));
        }
        for key in &self.foreign_keys {
            parts.push(format!(
                "FOREIGN KEY (\"{}\") REFERENCES \"{}\" (\"{}\") ON DELETE {}",
                key.column, key.table, key.to, key.on_delete
            ));
        }
        format!("CREATE TABLE \"{}\" ({})", self.name, parts.join(", "))
    }

    /// The statements that make this table's indexes.
    pub(crate) fn create_indexes(&self) -> Vec<String> {
        self.indexes.iter().map(|index| index.create(&self.name)).collect()
    }

    /// One column as it stands in `CREATE TABLE` and `ADD COLUMN`.
    pub(crate) fn column(&self, column: &Column, backend: DbBackend) -> String {
        let key = self.numbered && self.primary_key.contains(&column.name);
        if key {
            let kind = match backend {
                DbBackend::Postgres => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                _ => "integer PRIMARY KEY AUTOINCREMENT NOT NULL",
            };
            return format!("\"{}\" {kind}", column.name);
        }
        let mut text = format!("\"{}\" {}", column.name, column.kind.sql(backend));
        if !column.nullable {
            text.push_str(" NOT NULL");
        }
        if let Some(default) = &column.default {
            text.push_str(" DEFAULT ");
            text.push_str(default);
        }
        text
    }
}

impl Index {
    pub(crate) fn create(&self, table: &str) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX \"{}\" ON \"{table}\" (\"{}\")", self.name, self.column)
    }
}

impl Kind {
    pub(crate) fn sql(self, backend: DbBackend) -> &'static str {
        match (self, backend) {
            (Self::Integer, DbBackend::Postgres) => "bigint",
            (Self::Integer, _) => "integer",
            (Self::Boolean, _) => "boolean",
            (Self::Text, _) => "text",
        }
    }
}
