//! The catalogue of event types: name, labels, group, sample and JSON Schema of each.
//!
//! The built-in ones are the document's: its three samples are included byte for byte. An operator adds
//! more in the configuration file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::event::EventType;

/// One event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: EventType,
    /// The group it is shown and subscribed to with: `order`, `product`, `customer` or an operator's own.
    pub group: Arc<str>,
    /// What it is called in Vietnamese.
    pub label_vi: String,
    /// What it is called in English.
    pub label_en: String,
    /// A payload, as JSON text.
    pub sample: Arc<str>,
    /// The JSON Schema (2020-12) of its payloads, as JSON text.
    pub schema: Arc<str>,
    /// The object that the sample is about.
    pub sample_object_id: String,
}

/// The schema of a type of which nothing is known but that it is an object.
pub const ANY_OBJECT_SCHEMA: &str =
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}"#;

/// All event types of one server, by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: BTreeMap<EventType, CatalogueEntry>,
}

/// Why an entry cannot be added to a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The name is there already.
    #[error("the event type {0} is in the catalogue already")]
    Taken(EventType),
    /// A group is one part of `a-z 0-9 _`.
    #[error("the group {0:?} is not one word of a-z 0-9 _")]
    Group(String),
}

/// What a webhook subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPattern {
    /// `*`: every type.
    All,
    /// `order.*`: every type of a group.
    Group(Arc<str>),
    /// One type.
    One(EventType),
}

impl EventPattern {
    /// Whether an event of this type, which belongs to `group`, is meant.
    pub fn matches(&self, event_type: &EventType, group: &str) -> bool {
        match self {
            Self::All => true,
            Self::Group(own) => **own == *group,
            Self::One(own) => own == event_type,
        }
    }

    /// Reads a pattern back that was checked when it came in: a type may have left the configuration since.
    pub fn from_stored(text: &str) -> Option<Self> {
        match text.strip_suffix(".*") {
            _ if text == "*" => Some(Self::All),
            Some(group) if is_group_name(group) => Some(Self::Group(group.into())),
            _ => text.parse().ok().map(Self::One),
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Group(group) => write!(f, "{group}.*"),
            Self::One(name) => f.write_str(name.as_str()),
        }
    }
}

fn is_group_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl Catalogue {
    /// The document's event types.
    pub fn built_in() -> Self {
        let mut catalogue = Self { entries: BTreeMap::new() };
        for (kind, types) in BUILT_IN {
            for (name, label_vi, label_en) in *types {
                let entry = CatalogueEntry {
                    name: name.parse().expect("built-in names are well formed"),
                    group: kind.group.into(),
                    label_vi: (*label_vi).to_owned(),
                    label_en: (*label_en).to_owned(),
                    sample: kind.sample.into(),
                    schema: kind.schema.into(),
                    sample_object_id: kind.sample_object_id.to_owned(),
                };
                catalogue.add(entry).expect("built-in names differ");
            }
        }
        catalogue
    }

    /// Adds a type.
    pub fn add(&mut self, entry: CatalogueEntry) -> Result<(), CatalogueError> {
        if !is_group_name(&entry.group) {
            return Err(CatalogueError::Group(entry.group.to_string()));
        }
        if self.entries.contains_key(&entry.name) {
            return Err(CatalogueError::Taken(entry.name));
        }
        self.entries.insert(entry.name.clone(), entry);
        Ok(())
    }

    /// The type of this name.
    pub fn get(&self, name: &EventType) -> Option<&CatalogueEntry> {
        self.entries.get(name)
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = &CatalogueEntry> {
        self.entries.values()
    }

    /// The types that a pattern means.
    pub fn matching(&self, pattern: &EventPattern) -> Vec<EventType> {
        self.iter()
            .filter(|entry| pattern.matches(&entry.name, &entry.group))
            .map(|entry| entry.name.clone())
            .collect()
    }

    /// Reads `*`, `order.*` or a type's name; `None` where the catalogue has nothing of that name.
    pub fn pattern(&self, text: &str) -> Option<EventPattern> {
        let pattern = EventPattern::from_stored(text)?;
        (!self.matching(&pattern).is_empty()).then_some(pattern)
    }
}

/// What the types about one kind of object have in common.
struct Kind {
    group: &'static str,
    sample: &'static str,
    schema: &'static str,
    sample_object_id: &'static str,
}

const ORDER: Kind = Kind {
    group: "order",
    sample: include_str!("../catalogue/samples/order.json"),
    schema: include_str!("../catalogue/schemas/order.json"),
    sample_object_id: "208610",
};
const PRODUCT: Kind = Kind {
    group: "product",
    sample: include_str!("../catalogue/samples/product.json"),
    schema: include_str!("../catalogue/schemas/product.json"),
    sample_object_id: "873167",
};
const CUSTOMER: Kind = Kind {
    group: "customer",
    sample: include_str!("../catalogue/samples/customer.json"),
    schema: include_str!("../catalogue/schemas/customer.json"),
    sample_object_id: "1347849",
};

type Labelled = (&'static str, &'static str, &'static str);

const BUILT_IN: &[(Kind, &[Labelled])] = &[
    (
        ORDER,
        &[
            ("order.created", "Đơn hàng mới", "Order created"),
            ("order.updated", "Cập nhật đơn hàng", "Order updated"),
            ("order.deleted", "Xóa đơn hàng", "Order deleted"),
            ("order.status_changed", "Đổi trạng thái đơn hàng", "Order status changed"),
            ("order.paid", "Đơn hàng đã thanh toán", "Order paid"),
            ("order.cancelled", "Hủy đơn hàng", "Order cancelled"),
        ],
    ),
    (
        PRODUCT,
        &[
            ("product.created", "Sản phẩm mới", "Product created"),
            ("product.updated", "Cập nhật sản phẩm", "Product updated"),
            ("product.deleted", "Xóa sản phẩm", "Product deleted"),
            ("inventory.updated", "Cập nhật tồn kho", "Inventory updated"),
        ],
    ),
    (
        CUSTOMER,
        &[
            ("customer.created", "Khách hàng mới", "Customer created"),
            ("customer.updated", "Cập nhật khách hàng", "Customer updated"),
            ("customer.deleted", "Xóa khách hàng", "Customer deleted"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_types_are_there_with_both_labels() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.iter().count(), 13);
        for group in ["order", "product", "customer"] {
            for what in ["created", "updated", "deleted"] {
                let name = format!("{group}.{what}").parse().expect("well formed");
                let entry = catalogue.get(&name).expect("in the catalogue");
                assert_eq!(&*entry.group, group);
                assert!(!entry.label_vi.is_empty() && !entry.label_en.is_empty());
            }
        }
    }

    #[test]
    fn patterns_mean_one_type_a_group_or_all() {
        let catalogue = Catalogue::built_in();
        let count = |text: &str| catalogue.pattern(text).map(|pattern| catalogue.matching(&pattern).len());
        assert_eq!(count("*"), Some(13));
        assert_eq!(count("order.*"), Some(6));
        // Stock belongs to products: who ticks all of Sản phẩm gets it.
        assert_eq!(count("product.*"), Some(4));
        assert_eq!(count("inventory.updated"), Some(1));
        for unknown in ["", "order", "inventory.*", "order.lost", "*.created", "Order.*", "**", "order.*.*"] {
            assert_eq!(count(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_pattern_reads_back_from_its_text() {
        for text in ["*", "order.*", "order.created"] {
            assert_eq!(EventPattern::from_stored(text).expect("a pattern").to_string(), text);
        }
    }

    #[test]
    fn an_operators_type_is_added_but_never_replaces_one() {
        let mut catalogue = Catalogue::built_in();
        let mut entry = catalogue.iter().next().expect("one").clone();
        assert_eq!(catalogue.add(entry.clone()), Err(CatalogueError::Taken(entry.name.clone())));
        entry.name = "shipment.created".parse().expect("well formed");
        entry.group = "shipment".into();
        assert_eq!(catalogue.add(entry.clone()), Ok(()));
        assert!(catalogue.pattern("shipment.*").is_some());
        entry.name = "x.y".parse().expect("well formed");
        entry.group = "Bad Group".into();
        assert!(catalogue.add(entry).is_err());
    }

    #[test]
    fn a_stored_pattern_is_read_back_and_nothing_else_is() {
        for text in ["*", "order.*", "a_1.*", "order.created"] {
            let pattern = EventPattern::from_stored(text).expect(text);
            assert_eq!(pattern.to_string(), text);
        }
        for text in ["", ".*", "1order.*", "_order.*", "Order.*", "or-der.*", "or der.*", "*.*"] {
            assert_eq!(EventPattern::from_stored(text), None, "{text}");
        }
    }
}
