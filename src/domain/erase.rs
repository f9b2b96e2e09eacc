//! Erasure: why personal data is destroyed, as a command asks for it and its event records it.

/// Why personal data is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraseReason {
    /// The person asked.
    Request,
    /// Its time has run out.
    Retention,
    /// A law or a court wants it.
    Legal,
    /// Another reason; the reference may say which.
    Other,
}

impl EraseReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Request, Self::Retention, Self::Legal, Self::Other];

    /// Its name, as it is sent, recorded and published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Legal => "legal",
            Self::Other => "other",
        }
    }

    /// The reason of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Why personal data was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Why.
    pub reason: EraseReason,
    /// The operator's own reference.
    pub reference: Option<Box<str>>,
}
