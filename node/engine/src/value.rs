//! What an entry holds, owned and borrowed. Strings; the other types of Redis become further variants.

/// A stored value. `Clone` copies all its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    String(Box<[u8]>),
}

/// Which type a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    String,
}

impl Kind {
    /// The word clients know it by (`TYPE`).
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
        }
    }
}

impl Value {
    /// A string of a copy of these bytes.
    pub fn string(bytes: impl Into<Box<[u8]>>) -> Value {
        Value::String(bytes.into())
    }

    pub fn kind(&self) -> Kind {
        match self {
            Value::String(_) => Kind::String,
        }
    }

    /// Bytes of the value itself.
    pub fn bytes(&self) -> u64 {
        match self {
            Value::String(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes of a string; `None` for any other type.
    pub fn as_string(&self) -> Option<&[u8]> {
        match self {
            Value::String(bytes) => Some(bytes),
        }
    }
}

/// A value where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    String(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    pub fn kind(self) -> Kind {
        match self {
            ValueRef::String(_) => Kind::String,
        }
    }

    /// Bytes of the value itself.
    pub fn bytes(self) -> u64 {
        match self {
            ValueRef::String(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes of a string; `None` for any other type.
    pub fn as_string(self) -> Option<&'a [u8]> {
        match self {
            ValueRef::String(bytes) => Some(bytes),
        }
    }

    /// A copy that stands for itself.
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::String(bytes) => Value::String(bytes.into()),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> ValueRef<'a> {
        match value {
            Value::String(bytes) => ValueRef::String(bytes),
        }
    }
}
